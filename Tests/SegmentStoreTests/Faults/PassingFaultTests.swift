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

    @Test(arguments: [false, true], [false, true])
    func `A roll whose name may be there is gone on with as it was begun`(_ isDone: Bool, _ isRotation: Bool) throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let log = try makeLog(disk, plan)
        try log.append([StoreSample.event(1, size: 2000)])
        try log.store.sync()
        plan.add(
            Fault(
                operations: [.rename], isLasting: true, errno: ErrorNumber.permission,
                effect: isDone ? .everything : .nothing))
        plan.add(Fault(operations: [.list], isLasting: true, errno: ErrorNumber.tooManyOpenFiles))
        let size = isRotation ? 300 : 11_000
        let block = StagingBlock(capacity: 16 << 10, largestBody: log.store.largestUnit)
        #expect(StoreSample.event(2, size: size).withUnsafeBytes { block.append($0, lsn: 2) })
        block.closeFrame()
        if isRotation { #expect(code { _ = try log.store.rotate() } == .tooManyOpenFiles) }
        // It would fit the old segment; but what is written there behind the new name would be lost.
        #expect(code { try log.store.write(block) } != nil)
        let header = disk.contents(of: StoreSample.path(base: 2))?.prefix(Layout.blockSize)
        #expect(code { try log.store.write(block) } != nil)
        #expect(log.store.failure == nil && log.store.writtenLSN == 1)
        #expect(code { try log.store.truncate(after: 0) } != nil)
        plan.clear()
        try log.store.write(block)
        // Another process may have read it since.
        if isDone { #expect(disk.contents(of: StoreSample.path(base: 2))?.prefix(Layout.blockSize) == header ?? []) }
        #expect(try log.store.sync() == 2)
        let after = try StoreSample.open(disk.crash(.keepNone)).contents()
        #expect(after == [1: StoreSample.event(1, size: 2000), 2: StoreSample.event(2, size: size)])
        try log.store.abandon()
        #expect(disk.openHandles == 0)
    }

    @Test(
        arguments: [StorageError.Operation.unlink, .rename, .list], [ErrorNumber.permission, ErrorNumber.outOfMemory])
    func `A cut that was decided is finished once the system lets it`(
        _ operation: StorageError.Operation, _ errno: CInt
    ) throws {
        for ending in 0..<3 {
            let disk = SimulatedDisk()
            let plan = FaultPlan()
            let log = try makeLog(disk, plan)
            for lsn in UInt64(1)...9 { try log.append([StoreSample.event(lsn, size: 3500)]) }
            try log.maintain()
            // The first list is that of the checkpoints, before anything is decided.
            plan.add(
                Fault(operations: [operation], occurrence: operation == .list ? 2 : 1, isLasting: true, errno: errno))
            var kept: [UInt64: [UInt8]] = [:]
            for lsn in UInt64(1)...2 { kept[lsn] = StoreSample.event(lsn, size: 3500) }
            #expect(code { try log.store.truncate(after: 2) } != nil)
            #expect(log.store.failure == nil && log.store.hasUnfinishedCut)
            // Readers see it done, and nothing else is changed.
            #expect(try log.contents() == kept && log.store.writtenLSN == 2 && log.store.durableLSN == 2)
            for change: () throws -> Void in [
                { try log.append([[1]]) }, { try log.store.sync() }, { _ = try log.store.rotate() },
                { try log.store.truncate(before: 2) }, { try log.store.truncate(after: 1) },
                { try log.store.setCheckpoint("a", at: .start, state: nil) },
            ] {
                #expect(code(change) == .unavailable)
            }
            try log.maintain()
            try log.store.recordWatermark()
            #expect(code { try log.store.finishCut() } != nil)
            // The power may go at any time.
            #expect(try StoreSample.open(disk.crash(.keepNone)).contents() == kept)
            if ending == 0 {
                plan.clear()
                try log.store.finishCut()
                try log.append([[1]])
                kept[3] = [1]
                try log.store.sync()
                try log.maintain()
                #expect(try log.contents() == kept)
            }
            if ending == 1 { try log.store.closeCleanly() } else { try? log.store.abandon() }
            #expect(disk.openHandles == 0)
            #expect(try StoreSample.open(disk.crash(.keepNone)).contents() == kept)
        }
    }

    @Test(arguments: [false, true])
    func `A file that can't be removed keeps nothing from being done, and goes when it can be`(_ reopens: Bool) throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        var log = try makeLog(disk, plan)
        for lsn in UInt64(1)...9 { try log.append([StoreSample.event(lsn, size: 3500)]) }
        try log.maintain()
        let oldest = StoreSample.path(base: 1)
        plan.add(
            Fault(operations: [.unlink], pathContains: oldest, isLasting: true, errno: ErrorNumber.notPermitted))
        // The caller hears of it, and the events are gone all the same.
        #expect(code { try log.store.truncate(before: 8) } == .permissionDenied)
        #expect(log.store.firstLSN == 8 && log.store.leftoverCount == 1)
        if reopens {
            try log.store.closeCleanly()
            log = try makeLog(disk, plan)
            #expect(log.store.report.notRemoved == [FileNames.segment(base: 1)] && log.store.report.removed.isEmpty)
        }
        #expect(code { try log.store.removeLeftovers() } == .permissionDenied)
        try log.append([[1]])
        try log.store.sync()
        #expect(disk.files().contains(oldest))
        plan.clear()
        try log.store.removeLeftovers()
        #expect(!disk.files().contains(oldest) && log.store.leftoverCount == 0)
        #expect(try log.contents().keys.sorted() == [8, 9, 10])
        try log.store.closeCleanly()
        #expect(try StoreSample.open(disk.crash(.keepNone)).contents().keys.sorted() == [8, 9, 10])
    }

    @Test(arguments: [
        ErrorNumber.outOfMemory, ErrorNumber.wouldBlock, ErrorNumber.notPermitted, ErrorNumber.noDevice,
        ErrorNumber.permission,
    ])
    func `Where no map can be had, read calls do`(_ errno: CInt) throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let plan = FaultPlan()
        plan.add(Fault(operations: [.map], isLasting: true, errno: errno))
        let log = try makeLog(sample.disk, plan)
        let outcome = ReadOutcome(log.store, access: .mapped)
        #expect(outcome.events == sample.events && outcome.error == nil && plan.firedCount > 0)
        try log.store.abandon()
        #expect(sample.disk.openHandles == 0)
    }

    @Test func `Only of the lock does EAGAIN mean that another process has it`() {
        func code(_ operation: StorageError.Operation) -> WalError.Code {
            StorageError(operation, "/log/x", errno: ErrorNumber.wouldBlock).wal("do it").code
        }
        for operation in StorageError.Operation.allCases {
            #expect(code(operation) == (operation == .lock ? .locked : .unavailable))
        }
    }

    @Test(arguments: [Padding.none, .sector(512)])
    func `A group that is written again for want of room has the same bytes`(_ padding: Padding) throws {
        for byteCount in [0, 100, 700, 5000, 1 << 20] {
            for occurrence in 1...2 {
                let disk = SimulatedDisk()
                let plan = FaultPlan()
                var options = StoreHarness.smallSegments
                options.padding = padding
                let log = try StoreHarness(storage: FaultStorage(disk.backend, plan: plan), options: options)
                try log.append([StoreSample.event(1, size: 300)])
                let block = StagingBlock(capacity: 16 << 10, largestBody: log.store.largestUnit)
                for lsn in UInt64(2)...4 {
                    #expect(StoreSample.event(lsn, size: 1500).withUnsafeBytes { block.append($0, lsn: lsn) })
                }
                block.closeFrame()
                let file = StoreSample.path(base: 1)
                let before = try #require(disk.contents(of: file))
                plan.add(
                    Fault(
                        operations: [.write], pathContains: file, occurrence: occurrence, isLasting: true,
                        errno: ErrorNumber.noSpace, effect: .partOfWrite(byteCount: byteCount)))
                // A log that doesn't pad makes one call.
                if occurrence == 2, padding == .none { continue }
                #expect(code { try log.store.write(block) } == .diskFull)
                let first = try #require(disk.contents(of: file))
                // The durable position and the clock move on.
                try log.store.sync()
                #expect(code { try log.store.write(block) } == .diskFull)
                plan.clear()
                try log.store.write(block)
                let last = try #require(disk.contents(of: file))
                let changed = zip(first, before).map { $0 != $1 }
                for index in changed.indices where changed[index] {
                    #expect(first[index] == last[index], "byte \(index), \(byteCount) bytes of call \(occurrence)")
                }
                #expect(try log.contents().count == 4)
                #expect(try log.store.verify(progress: nil).findings.isEmpty)
                try log.store.closeCleanly()
            }
        }
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
