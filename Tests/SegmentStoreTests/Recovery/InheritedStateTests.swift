import Foundation
import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// What an earlier life, another log or an archive may have left in the directory, and what opening must not do because of it.
@Suite struct InheritedStateTests {
    /// Retention dropped what only the page cache's checkpoint had processed; the power cut brought the older one back.
    @Test func `What a checkpoint of a killed process allows to go goes only once that checkpoint is durable`() throws {
        let disk = SimulatedDisk()
        let first = try StoreHarness(disk)
        for _ in 0..<4 {
            for _ in 0..<5 { try first.append([[UInt8](repeating: 1, count: 100)]) }
            #expect(try first.store.rotate())
        }
        try first.store.sync()
        try first.store.setCheckpoint("reader", at: first.position(of: 4), state: nil)
        try first.store.abandon()
        var environment = StoreHarness.environment(disk, seed: 2)
        environment.flaws = .checkpointsWithoutDirectorySync
        let killed = try LogStore.open(
            StoreHarness.directory, options: StoreHarness.smallSegments, environment: environment)
        try killed.setCheckpoint("reader", at: killed.position(of: 14), state: nil)
        try killed.abandon()
        let next = try StoreHarness(disk, seed: 3)
        _ = try next.store.applyRetention(Retention(maxSegments: 1))
        #expect(next.store.firstLSN > 4)
        try next.store.abandon()
        let last = try StoreHarness(disk.crash(.keepNone), seed: 4)
        let reader = try #require(try last.store.checkpoints().first?.position)
        #expect(reader.lsn.rawValue + 1 >= last.store.firstLSN)
    }

    @Test func `Another log's segment below the low mark is refused, untouched`() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        try log.store.truncate(before: sample.bases[2])
        try log.store.closeCleanly()
        let other = SimulatedDisk()
        let otherLog = try StoreHarness(other, seed: 77)
        try otherLog.append([[1, 2, 3]])
        try otherLog.store.closeCleanly()
        let stranger = StoreSample.path(base: 1)
        let bytes = try #require(other.contents(of: stranger))
        let disk = SimulatedDisk(startingFrom: sample.disk)
        disk.replaceContents(of: stranger, with: bytes)
        let before = disk.fingerprint()
        for mode in [RecoveryMode.strict, .pointInTime] {
            let error = StoreSample.failureOfOpen(disk) { $0.recovery = mode }
            #expect(error?.code == .foreignFile && error?.path == stranger)
            #expect(disk.fingerprint() == before)
        }
        // This log's own goes, as ever.
        disk.replaceContents(of: stranger, with: sample.bytes(stranger))
        #expect(StoreSample.failureOfOpen(disk) == nil)
        #expect(disk.contents(of: stranger) == nil)
    }

    /// It needs no superblock, so what stands in its place must not end it.
    @Test func `A salvage reads a log in which a directory has the superblock's name`() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let disk = try sample.without(StoreSample.path(FileNames.superblock))
        try disk.backend.createDirectory(StoreSample.path(FileNames.superblock))
        var salvage = Salvage(storage: disk.backend, directory: StoreSample.directory)
        var events: [UInt64: [UInt8]] = [:]
        try salvage.run(
            event: { view in
                events[view.lsn] = Array(view.payload)
                return true
            },
            hole: { _ in true })
        #expect(events == sample.events)
    }

    /// A sample whose last segment ends with a frame that lacks its end.
    private func torn() throws -> (disk: SimulatedDisk, path: String) {
        let sample = try StoreSample(segments: 1, ending: .synced)
        let disk = SimulatedDisk(startingFrom: sample.disk)
        let log = try StoreSample.open(disk)
        let event = StoreSample.event(9, size: 900)
        try log.append([event])
        try log.append([event])
        try log.store.abandon()
        let path = StoreSample.path(base: 1)
        let bytes = try #require(disk.contents(of: path))
        let end = try #require(bytes.lastIndex { $0 != 0 })
        // The second frame's header holds, but no longer its body.
        disk.corrupt(path, at: end - 100, xor: 0xFF)
        return (disk, path)
    }

    /// Each failed open kept another copy of the tail, and after a thousand of them no open succeeded any more.
    @Test func `Opens that fail don't pile up copies of a torn tail`() throws {
        let (disk, path) = try torn()
        for seed in UInt64(1)...5 {
            let plan = FaultPlan()
            plan.add(Fault(operations: [.write], pathContains: path, isLasting: true))
            #expect(throws: WalError.self) {
                try StoreHarness(storage: FaultStorage(disk.backend, plan: plan), seed: seed)
            }
        }
        #expect(disk.files().count { $0.hasPrefix("/log/quarantine/") } == 1)
        let log = try StoreSample.open(disk)
        #expect(log.store.report.quarantined.count == 1)
        #expect(disk.files().count { $0.hasPrefix("/log/quarantine/") } == 1)
    }

    @Test func `A copy that finds no room leaves nothing behind`() throws {
        let (disk, _) = try torn()
        let plan = FaultPlan()
        plan.add(
            Fault(
                operations: [.write], pathContains: "/log/quarantine/", isLasting: true, errno: ErrorNumber.noSpace))
        let log = try StoreHarness(storage: FaultStorage(disk.backend, plan: plan))
        #expect(log.store.report.quarantined.isEmpty && log.store.report.notKept.count == 1)
        #expect(!disk.files().contains { $0.hasPrefix("/log/quarantine/") })
    }

    /// Opening wrote zeros through all of a sparse file's holes.
    @Test(arguments: [UInt64(1) << 30, 5 << 30])
    func `A sparse file larger than a segment is not filled`(_ place: UInt64) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/log"
        let log = try LogStore.open(
            path, options: StoreHarness.smallSegments, environment: StoreHarness.environment(PosixStorage()))
        try StoreHarness(log).append([[1], [2]])
        try log.sync()
        try log.abandon()
        let file = path + "/" + FileNames.segment(base: 1)
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        try handle.seek(toOffset: place)
        try handle.write(contentsOf: Data([1]))
        try handle.close()
        let again = try LogStore.open(
            path, options: StoreHarness.smallSegments, environment: StoreHarness.environment(PosixStorage(), seed: 2))
        #expect(try StoreHarness(again).contents() == [1: [1], 2: [2]])
        try StoreHarness(again).append([[3]])
        try again.closeCleanly()
        let values = try URL(fileURLWithPath: file).resourceValues(forKeys: [.fileAllocatedSizeKey, .fileSizeKey])
        #expect(try #require(values.fileAllocatedSize) < 1 << 20)
        // What lies behind the largest segment is not even looked at.
        if place < Layout.segmentSizeMax { #expect(values.fileSize == 16 << 10) }
    }
}
