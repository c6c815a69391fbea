import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Failures that lose nothing and pass: the store stays usable, and the same step may be made again.
@Suite struct PassingFaultTests {
    private func makeLog(_ disk: SimulatedDisk, _ plan: FaultPlan, flaws: StoreFlaws = []) throws -> StoreHarness {
        var environment = StoreHarness.environment(FaultStorage(disk.backend, plan: plan))
        environment.flaws = flaws
        return StoreHarness(
            try LogStore.open(
                StoreHarness.directory, options: StoreHarness.smallSegments, environment: environment))
    }

    private func code(_ body: () throws -> Void) -> WalError.Code? {
        do { try body() } catch { return (error as? WalError)?.code }
        return nil
    }

    @Test(arguments: [ErrorNumber.tooManyOpenFiles, ErrorNumber.tooManyOpenFilesSystem])
    func `A directory that can't be opened to be synced has lost no report of a failure`(_ errno: CInt) throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let log = try makeLog(disk, plan)
        try log.append([[1]])
        try log.store.sync()
        _ = try log.store.rotate()
        try log.append([[2]])
        plan.add(Fault(operations: [.syncDirectory], isLasting: true, errno: errno))
        for _ in 0..<3 {
            #expect(code { try log.store.sync() } == .tooManyOpenFiles)
            #expect(code { try log.store.setCheckpoint("a", at: .start, state: nil) } == .tooManyOpenFiles)
        }
        #expect(log.store.failure == nil && log.store.durableLSN == 1)
        #expect(try log.contents() == [1: [1], 2: [2]])
        plan.clear()
        #expect(try log.store.sync() == 2)
        #expect(try StoreSample.open(disk.crash(.keepNone)).contents() == [1: [1], 2: [2]])
        try log.store.abandon()
    }

    /// What the superblock is written for.
    enum Update: CaseIterable { case roll, truncation, watermark, close }

    /// Where a file system writes nothing in place, a full disk can have no room for the superblock.
    @Test(arguments: Update.allCases, [ErrorNumber.noSpace, ErrorNumber.quota])
    func `A superblock for which there is no room is written once there is`(_ update: Update, _ errno: CInt) throws {
        for slot in 1...2 {
            for effect in [Fault.Effect.nothing, .partOfWrite(byteCount: 100), .everything] {
                let note = "slot \(slot), \(effect)"
                let disk = SimulatedDisk()
                let plan = FaultPlan()
                let log = try makeLog(disk, plan)
                for number in 1...4 as ClosedRange<UInt8> {
                    try log.append([[number]])
                    if number == (update == .roll ? 3 : 2) { _ = try log.store.rotate() }
                    if number < 3 { try log.store.sync() }
                }
                if update == .truncation || update == .watermark { try log.store.sync() }
                func step() throws {
                    switch update {
                    case .roll: try log.store.sync()
                    case .truncation: try log.store.truncate(before: 3)
                    case .watermark: try log.store.recordWatermark()
                    case .close: try log.store.closeCleanly()
                    }
                }
                let settled = SimulatedDisk(startingFrom: disk)
                plan.add(
                    Fault(
                        operations: [.write], pathContains: "/LOG", occurrence: slot, isLasting: true, errno: errno,
                        effect: effect))
                disk.startRecording()
                if update == .close {
                    // The roll before the close is a matter of its own.
                    plan.clear()
                    try log.store.sync()
                    plan.add(Fault(operations: [.write], pathContains: "/LOG", isLasting: true, errno: errno))
                    #expect(code(step) == nil, "\(note)")
                    #expect(settled.files() == disk.files() && disk.openHandles == 0)
                } else {
                    #expect(code(step) == .diskFull, "\(note)")
                    #expect(code(step) == .diskFull, "\(note)")
                    #expect(log.store.failure == nil, "\(note)")
                    #expect(log.store.firstLSN == 1, "\(note)")
                    plan.clear()
                    #expect(code(step) == nil, "\(note)")
                    #expect(log.store.firstLSN == (update == .truncation ? 3 : 1), "\(note)")
                    #expect(log.store.durableLSN == 4, "\(note)")
                    try log.store.abandon()
                }
                try checkEveryCrash(of: try #require(disk.stopRecording()), note)
            }
        }
    }

    /// One slot is whole at any moment, and what it says is true.
    private func checkEveryCrash(of trace: DiskTrace, _ note: String) throws {
        let report = try CrashExplorer(trace).explore { state in
            let again = try StoreSample.open(state.disk)
            let events = try again.contents()
            #expect(again.store.firstLSN <= 3 && events.keys.max() == again.store.writtenLSN, "\(note)")
            #expect(events.allSatisfy { $1 == [UInt8($0)] } && again.store.writtenLSN >= 2, "\(note)")
            try again.store.abandon()
        }
        #expect(report.states > 1, "\(note)")
    }

    @Test(arguments: [StoreFlaws(), .keepsUnwrittenUpdate])
    func `A truncation for which there was no room is not taken for done`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let log = try makeLog(disk, plan, flaws: flaws)
        for number in 1...4 as ClosedRange<UInt8> { try log.append([[number]]) }
        try log.store.sync()
        plan.add(Fault(operations: [.write], pathContains: "/LOG", errno: ErrorNumber.noSpace))
        #expect(code { try log.store.truncate(before: 3) } == .diskFull)
        try log.store.truncate(before: 3)
        // Caught: the call has succeeded and done nothing.
        #expect(log.store.firstLSN == (flaws.isEmpty ? 3 : 1))
        try log.store.abandon()
    }

    static let spareFaults: [Fault] = [StorageError.Operation.create, .allocate, .sync, .write].flatMap { operation in
        [ErrorNumber.io, ErrorNumber.permission, ErrorNumber.readOnlyFileSystem].map {
            Fault(operations: [operation], pathContains: FileNames.spare, isLasting: true, errno: $0)
        }
    }

    @Test(arguments: spareFaults)
    func `A segment that can't be made when it is needed keeps the events waiting, and fails nothing`(
        _ fault: Fault
    ) throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let log = try makeLog(disk, plan)
        try log.append([StoreSample.event(1, size: 9000)])
        plan.add(fault)
        let block = StagingBlock(capacity: 16 << 10, largestBody: log.store.largestUnit)
        #expect(StoreSample.event(2, size: 9000).withUnsafeBytes { block.append($0, lsn: 2) })
        block.closeFrame()
        for _ in 0..<3 {
            #expect(code { try log.store.write(block) } != nil)
            #expect(log.store.failure == nil && log.store.writtenLSN == 1)
        }
        plan.clear()
        try log.store.write(block)
        #expect(try log.store.sync() == 2)
        let after = try StoreSample.open(disk.crash(.keepNone)).contents()
        #expect(after == [1: StoreSample.event(1, size: 9000), 2: StoreSample.event(2, size: 9000)])
        try log.store.abandon()
        #expect(disk.openHandles == 0)
    }
}
