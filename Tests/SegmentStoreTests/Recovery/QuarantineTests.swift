import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// What a repair puts aside: how much of it there may be, and that it takes no more room than the original did.
@Suite struct QuarantineTests {
    @Test func `A repair copies no holes, and knows its copy again`() throws {
        let directory = try TemporaryDirectory()
        let root = directory.file("log")
        var options = StoreHarness.smallSegments
        options.preallocation = .growing
        func open(_ storage: any Storage) throws -> LogStore {
            try LogStore.open(root, options: options, environment: StoreHarness.environment(storage))
        }
        let storage = PosixStorage()
        let log = StoreHarness(try open(storage))
        for lsn in UInt64(1)...3 { try log.append([StoreSample.event(lsn, size: 900)]) }
        try log.store.closeCleanly()
        // As a copy tool or a fault of a file system leaves it.
        let segment = root + "/" + FileNames.segment(base: 1)
        let size: UInt64 = 1 << 30
        let file = try storage.open(segment, .readWrite)
        try file.write(at: 4096 + 1000 + 200, [0xFE])
        try file.truncate(size)
        try file.write(at: size - 5, [1, 2, 3])
        try file.close()
        options.recovery = .pointInTime
        options.deepRecovery = true
        // The first try is stopped behind the copy.
        let plan = FaultPlan()
        plan.add(Fault(operations: [.rename], errno: ErrorNumber.io))
        #expect(throws: WalError.self) { _ = try open(FaultStorage(storage, plan: plan)) }
        let store = try open(storage)
        #expect(store.writtenLSN == 1 && store.report.quarantined.count == 1)
        try store.closeCleanly()
        #expect(try storage.list(root + "/quarantine").count == 1)
        let name = try #require(try storage.list(root + "/quarantine").first)
        let copy = try storage.open(root + "/quarantine/" + name, .readOnly)
        #expect(try copy.size() == size)
        var dataBytes: UInt64 = 0
        var position: UInt64 = 0
        while let data = try copy.nextData(at: position) {
            dataBytes += UInt64(data.count)
            position = data.upperBound
        }
        #expect(dataBytes <= 4 << 20, "\(dataBytes) bytes were written")
        #expect(try copy.readBlock(at: size - 5, size: 5)?.bytes == [1, 2, 3, 0, 0])
        #expect(try copy.readBlock(at: 5296, size: 1)?.bytes == [0xFE])
        try copy.close()
    }

    @Test func `A repair of which the folder can't hold all changes nothing`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let disk = sample.disk { $0.corrupt(StoreSample.path(base: 4), at: 4968, xor: 1) }
        // The segment that is cut, and all behind it.
        let needed = sample.bases.dropFirst().reduce(0) { $0 + sample.bytes(StoreSample.path(base: $1)).count }
        func repair(_ disk: SimulatedDisk, limit: Int) -> WalError? {
            StoreSample.failureOfOpen(disk) {
                $0.recovery = .pointInTime
                $0.deepRecovery = true
                $0.quarantineBytes = UInt64(limit)
            }
        }
        let before = Dictionary(uniqueKeysWithValues: disk.files().map { ($0, disk.contents(of: $0)) })
        for limit in [0, needed - 1] {
            #expect(repair(disk, limit: limit)?.code == .quarantineFull)
            let after = Dictionary(uniqueKeysWithValues: disk.files().map { ($0, disk.contents(of: $0)) })
            #expect(after == before)
        }
        let repaired = SimulatedDisk(startingFrom: disk)
        #expect(repair(repaired, limit: needed) == nil)
        #expect(try StoreSample.open(repaired).contents() == sample.events.filter { $0.key <= 4 })
        // What is there counts.
        repaired.corrupt(StoreSample.path(base: 1), at: 4968, xor: 1)
        #expect(repair(repaired, limit: needed)?.code == .quarantineFull)
        // One that is stated goes on.
        let plan = FaultPlan()
        plan.add(Fault(operations: [.rename], isLasting: true))
        #expect(throws: WalError.self) {
            var options = StoreHarness.smallSegments
            options.recovery = .pointInTime
            options.deepRecovery = true
            _ = try StoreHarness(storage: FaultStorage(disk.backend, plan: plan), options: options)
        }
        #expect(repair(disk, limit: 0) == nil)
        #expect(try StoreSample.open(disk).contents() == sample.events.filter { $0.key <= 4 })
    }

    @Test func `A torn tail for which the folder has no room is cut all the same, and told of`() throws {
        let scenario = try #require(
            FaultScenario.opening.first { $0.description == "reopen after a power cut with a torn tail" })
        for limit: UInt64? in [nil, 0] {
            let log = try StoreSample.open(try scenario.prepare()) { $0.quarantineBytes = limit }
            #expect(log.store.report.outcome == .tornTail)
            #expect(log.store.report.quarantined.isEmpty == (limit == 0))
            #expect(log.store.report.notKept.isEmpty == (limit == nil))
            #expect(log.store.writtenLSN >= 4)
            try log.append([[1]])
            try log.store.closeCleanly()
        }
    }
}
