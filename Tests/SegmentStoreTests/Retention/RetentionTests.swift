import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// What goes, what is held back, and when the clock is not believed.
@Suite struct RetentionTests {
    private static let day: Int64 = 86_400

    /// A log of `count` segments with one event each, a day between them; all but the last are sealed.
    private func daily(_ count: Int) throws -> (disk: SimulatedDisk, clocks: TestClocks, log: StoreHarness) {
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        let log = try clocks.open(disk)
        for number in 0..<count {
            if number > 0 {
                clocks.advance(seconds: Self.day)
                _ = try log.store.rotate()
            }
            try log.append([StoreSample.event(UInt64(number), size: 500)])
            try log.maintain()
            // A pass now and then, as the layer above makes one: the clocks run alike.
            _ = try log.store.applyRetention(Retention(maxAge: .seconds(Self.day * 1000)))
        }
        try log.store.sync()
        return (disk, clocks, log)
    }

    private func bases(_ log: StoreHarness) throws -> [UInt64] { try log.store.segments().map(\.firstLSN.rawValue) }

    @Test func `Nothing goes without a limit`() throws {
        let (_, _, log) = try daily(4)
        #expect(try log.store.applyRetention(Retention()).removed.isEmpty)
        #expect(try bases(log) == [1, 2, 3, 4])
    }

    @Test(arguments: 1...6)
    func `So many segments are kept, the active one included`(_ count: Int) throws {
        let (_, _, log) = try daily(4)
        let report = try log.store.applyRetention(Retention(maxSegments: count))
        #expect(try bases(log) == Array([1, 2, 3, 4].suffix(count)))
        #expect(report.removed.map(\.limits) == Array(repeating: [.segments], count: max(0, 4 - count)))
        #expect(report.segmentCount == min(count, 4))
        #expect(report.firstLSN == LSN(log.store.firstLSN) && log.store.firstLSN == UInt64(max(1, 5 - count)))
    }

    @Test func `Segments go until the rest is within the bytes`() throws {
        let (_, _, log) = try daily(4)
        let sizes = try log.store.segments().map { $0.state == .active ? $0.usedBytes : $0.fileSize }
        let all = sizes.reduce(0, +)
        #expect(try log.store.retentionPlan(Retention(maxBytes: all)).removed.isEmpty)
        let report = try log.store.applyRetention(Retention(maxBytes: all - sizes[0] - 1))
        #expect(report.removed.map(\.bytes) == Array(sizes[..<2]))
        #expect(report.bytes == sizes[2] + sizes[3])
        #expect(try bases(log) == [3, 4])
        // The active one stays whatever the limit is.
        #expect(try log.store.applyRetention(Retention(maxBytes: 1)).removed.count == 1)
        #expect(try bases(log) == [4])
    }

    @Test func `Segments go when their newest frame is too old`() throws {
        let (_, clocks, log) = try daily(4)
        #expect(try log.store.applyRetention(Retention(maxAge: .seconds(3 * Self.day))).removed.isEmpty)
        clocks.advance(seconds: 1)
        let report = try log.store.applyRetention(Retention(maxAge: .seconds(2 * Self.day)))
        #expect(report.removed.map(\.firstLSN) == [1, 2])
        #expect(report.removed.allSatisfy { $0.limits == [.age] && $0.newestFrameTime != nil })
        clocks.advance(seconds: 100 * Self.day)
        #expect(try log.store.applyRetention(Retention(maxAge: .seconds(1))).removed.map(\.firstLSN) == [3])
        #expect(try bases(log) == [4])
    }

    @Test func `A dry run says what the pass does, and does nothing`() throws {
        let (disk, clocks, log) = try daily(5)
        clocks.advance(seconds: 1)
        let policy = Retention(maxBytes: 3000, maxAge: .seconds(2 * Self.day), maxSegments: 4)
        let before = disk.fingerprint()
        let plan = try log.store.retentionPlan(policy)
        #expect(disk.fingerprint() == before)
        #expect(plan.removed.first?.limits == [.bytes, .age, .segments])
        let reader = try clocks.open(disk, seed: 2) { $0.readOnly = true }
        #expect(try reader.store.retentionPlan(policy) == plan)
        #expect(try log.store.applyRetention(policy) == plan)
    }

    @Test func `Checkpoints hold back what they have not processed`() throws {
        let (_, _, log) = try daily(5)
        try log.store.setCheckpoint("slow", at: log.position(of: 2), state: nil)
        try log.store.setCheckpoint("fast", at: log.position(of: 4), state: nil)
        let report = try log.store.applyRetention(Retention(maxSegments: 1))
        #expect(report.removed.map(\.firstLSN) == [1, 2])
        #expect(report.held.map(\.firstLSN) == [3, 4])
        #expect(report.held.map(\.heldBy) == [["slow"], ["slow"]])
        #expect(report.passed.isEmpty)
        #expect(report.segmentCount == 3)
        try log.store.setCheckpoint("slow", at: log.position(of: 5), state: nil)
        #expect(try log.store.applyRetention(Retention(maxSegments: 1)).removed.map(\.firstLSN) == [3, 4])
        // One that stands at the last event dropped resumes with the first one kept.
        #expect(try log.store.checkpoint("fast").position.lsn == 4)
        #expect(log.store.firstLSN == 5)
    }

    @Test func `An override drops past a checkpoint and reports what is lost`() throws {
        let (_, _, log) = try daily(5)
        try log.store.setCheckpoint("slow", at: log.position(of: 2), state: nil)
        try log.store.setCheckpoint("fast", at: log.position(of: 4), state: nil)
        let policy = Retention(maxSegments: 1, overridesCheckpoints: true)
        let plan = try log.store.retentionPlan(policy)
        let report = try log.store.applyRetention(policy)
        #expect(plan == report)
        #expect(report.passed == [.init(name: "slow", lost: 3...4)])
        #expect(log.store.firstLSN == 5)
    }

    @Test func `A checkpoint of nothing, and a damaged one, hold back everything; a removed one nothing`() throws {
        let (disk, clocks, log) = try daily(3)
        try log.store.setCheckpoint("new", at: .start, state: nil)
        #expect(try log.store.applyRetention(Retention(maxSegments: 1)).held.map(\.heldBy) == [["new"], ["new"]])
        try log.store.setCheckpoint("new", at: log.position(of: 3), state: nil)
        try log.store.closeCleanly()
        #expect(disk.corrupt("/log/checkpoints/new.ckpt", at: 60, xor: 1))
        let again = try clocks.open(disk, seed: 2)
        let report = try again.store.applyRetention(Retention(maxSegments: 1))
        #expect(report.held.map(\.heldBy) == [["new"], ["new"]])
        try again.store.removeCheckpoint("new")
        #expect(try again.store.applyRetention(Retention(maxSegments: 1)).removed.count == 2)
    }

    @Test func `What was written before the wall clock jumped ages by the clock as it was`() throws {
        let (_, clocks, log) = try daily(3)
        clocks.jump(seconds: 400 * Self.day)
        let policy = Retention(maxAge: .seconds(10 * Self.day), maxSegments: 2)
        // A dry run sees the jump and doesn't use it up.
        #expect(try log.store.retentionPlan(policy).clockTrouble == .jumped(.seconds(400 * Self.day)))
        let report = try log.store.applyRetention(policy)
        #expect(report.clockTrouble == .jumped(.seconds(400 * Self.day)))
        #expect(report.removed.map(\.limits) == [[.segments]])
        // Nor does anything go in the next pass.
        let next = try log.store.applyRetention(policy)
        #expect(next.removed.isEmpty && next.clockTrouble == nil)
        #expect(next.ageDoubts.map(\.reason) == [.clockSetForward])
        clocks.advance(seconds: 10 * Self.day)
        #expect(try log.store.applyRetention(policy).removed.map(\.limits) == [[.age]])
    }

    @Test func `A wall clock that is behind the newest event is reported`() throws {
        let (disk, clocks, log) = try daily(3)
        clocks.jump(seconds: -2 * Self.day)
        let policy = Retention(maxAge: .nanoseconds(1))
        #expect(try log.store.applyRetention(policy).clockTrouble == .jumped(.seconds(-2 * Self.day)))
        #expect(try log.store.applyRetention(policy).clockTrouble == .behind(.seconds(2 * Self.day)))
        try log.store.closeCleanly()
        // Also in a later life, which has seen no jump: the newest frame tells.
        let again = try clocks.open(disk, seed: 2)
        #expect(try again.store.applyRetention(policy).clockTrouble == .behind(.seconds(2 * Self.day)))
        clocks.advance(seconds: Self.day * 3)
        #expect(try again.store.applyRetention(policy).removed.count == 2)
    }

    @Test func `Segments that are not sealed yet are judged by their newest time`() throws {
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        let log = try clocks.open(disk)
        for number in 0..<4 {
            clocks.advance(seconds: Self.day)
            _ = try log.store.rotate()
            try log.append([StoreSample.event(UInt64(number), size: 500)])
        }
        _ = try log.store.applyRetention(Retention(maxAge: .seconds(Self.day * 1000)))
        clocks.advance(seconds: Self.day / 2)
        let plan = try log.store.retentionPlan(Retention(maxAge: .seconds(Self.day)))
        #expect(plan.removed.map(\.firstLSN) == [1, 2, 3])
        let report = try log.store.applyRetention(Retention(maxAge: .seconds(2 * Self.day)))
        #expect(report.removed.count == 2)
        #expect(try bases(log) == [3, 4])
        try log.maintain()
        #expect(try log.contents().keys.sorted() == [3, 4])
    }

    @Test func `A damaged footer delays nothing but its own segment`() throws {
        let (disk, clocks, log) = try daily(4)
        try log.store.closeCleanly()
        let path = StoreSample.path(base: 1)
        let size = try #require(disk.contents(of: path)).count
        #expect(disk.corrupt(path, at: size - 100, xor: 1))
        let again = try clocks.open(disk, seed: 2)
        // The first segment counts as old as the second.
        #expect(try again.store.applyRetention(Retention(maxAge: .seconds(Self.day * 5 / 2))).removed.isEmpty)
        let report = try again.store.applyRetention(Retention(maxAge: .seconds(Self.day * 3 / 2)))
        #expect(report.removed.map(\.firstLSN) == [1, 2])
    }

    @Test func `Limits of nothing are refused`() throws {
        let (_, _, log) = try daily(1)
        for policy in [Retention(maxBytes: 0), Retention(maxSegments: 0), Retention(maxAge: .zero)] {
            #expect(throws: WalError.self) { _ = try log.store.applyRetention(policy) }
            #expect(throws: WalError.self) { _ = try log.store.retentionPlan(policy) }
        }
    }

    @Test func `A pass over known segments opens no file`() throws {
        let (disk, clocks, log) = try daily(6)
        try log.store.closeCleanly()
        let counter = OpenCounter(disk.backend)
        let store = try LogStore.open(
            StoreHarness.directory, options: StoreHarness.smallSegments,
            environment: clocks.environment(counter, seed: 2))
        let policy = Retention(maxBytes: 1 << 40, maxAge: .seconds(Self.day * 1000), maxSegments: 100)
        _ = try store.applyRetention(policy)
        let opened = counter.opens.value
        #expect(opened > 0)
        _ = try store.applyRetention(policy)
        #expect(counter.opens.value == opened)
        #expect(disk.openHandles <= 5)
    }
}

/// Counts the files that are opened, and lists.
final class OpenCounter: Storage {
    private let base: any Storage
    let opens = SharedCounter()

    init(_ base: any Storage) { self.base = base }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        // Its directory is never moved: the files are found by their paths.
        try base.pinned(to: path, mode: mode, making: making).map { _ in self }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames {
        opens.increment()
        return try base.names(in: directory)
    }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { try base.create(path) }
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        opens.increment()
        return try base.open(path, access)
    }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}
