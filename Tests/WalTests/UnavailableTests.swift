import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite(
    "What the system refuses for now fails no log: appends say so, what was accepted waits, and it goes on by itself")
struct UnavailableTests {
    static let errors = [
        ErrorNumber.permission, ErrorNumber.notPermitted, ErrorNumber.readOnlyFileSystem, ErrorNumber.tooManyOpenFiles,
        ErrorNumber.tooManyOpenFilesSystem, ErrorNumber.outOfMemory, ErrorNumber.wouldBlock,
    ]
    static let calls: [StorageError.Operation] = [.create, .open, .rename, .unlink, .list, .map]

    private func options(_ disk: SimulatedDisk, _ plan: FaultPlan, _ sync: SyncPolicy) -> WriteAheadLog.Options {
        var options = testOptions(LogStorage(FaultStorage(disk.backend, plan: plan)), sync: sync, segmentSize: 16 << 10)
        options.compression = .zstd()
        return options
    }

    /// Rolls, seals, compresses, truncates, saves checkpoints and reads, as far as it is let.
    private func work(_ log: WriteAheadLog, _ accepted: inout [LSN: [UInt8]], errno: CInt?) throws {
        for number in 0..<24 {
            let payload = [UInt8](repeating: UInt8(number), count: 3000)
            do {
                accepted[try log.append(payload)] = payload
                if number % 5 == 0 { try log.sync() }
            } catch {
                #expect(errno != nil && error.code == .unavailable && error.errno?.rawValue == errno, "\(error)")
            }
            // Errors of these concern the call.
            if number % 8 == 3 { _ = code { try log.saveCheckpoint("a", at: log.durableLSN) } }
            if number == 17 { _ = code { try log.truncate(before: log.durableLSN) } }
            _ = code { try log.replay(from: 0) { _ in .continue } }
            #expect(log.state == .running)
        }
    }

    @Test(.hangGuard, arguments: calls, errors)
    func `Every call that can be refused, once and for as long as it lasts`(
        _ call: StorageError.Operation, _ errno: CInt
    ) throws {
        for (isLasting, sync) in [(false, SyncPolicy.batch), (true, .batch), (true, .never)] {
            for occurrence in [1, 2, 5] {
                let note = "\(call), \(ErrorNumber.describe(errno)), call \(occurrence), \(isLasting), \(sync)"
                let disk = SimulatedDisk()
                let plan = FaultPlan()
                let log = try WriteAheadLog.open(at: "/log", options: options(disk, plan, sync))
                var accepted: [LSN: [UInt8]] = [:]
                plan.add(Fault(operations: [call], occurrence: occurrence, isLasting: isLasting, errno: errno))
                try work(log, &accepted, errno: errno)
                plan.clear()
                waitUntil { code { accepted[try log.append([7])] = [7] } == nil }
                try log.sync()
                try work(log, &accepted, errno: nil)
                try log.shutdown()
                let first = log.firstLSN
                let after = disk.crash(.keepNone)
                let again = try WriteAheadLog.open(at: "/log", options: testOptions(after.storage))
                #expect(again.recovery.outcome == .clean, "\(note)")
                let events = try again.events()
                #expect(again.firstLSN == first && events.first?.lsn == first, "\(note)")
                for event in events { #expect(event.payload == accepted[event.lsn], "\(note): LSN \(event.lsn)") }
                #expect(events.count == accepted.keys.count { $0 >= first }, "\(note)")
                #expect(try again.verify().isIntact, "\(note)")
                try again.shutdown()
            }
        }
    }

    @Test(.hangGuard, arguments: ["goes on", "shutdown", "close"])
    func `A cut that is decided and can't be carried out is finished later`(_ how: String) async throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let log = try await WriteAheadLog.open(at: "/log", options: options(disk, plan, .batch))
        for number in 1...20 as ClosedRange<UInt8> { try await log.append([UInt8](repeating: number, count: 3000)) }
        try await log.sync()
        plan.add(Fault(operations: [.unlink], isLasting: true, errno: ErrorNumber.permission))
        #expect(await asyncCode { try await log.truncate(after: 3) } == .unavailable)
        #expect(log.state == .running && log.lastLSN == 3 && log.durableLSN == 3 && log.lastAssignedLSN == 3)
        #expect(code { try log.append([1]) } == .unavailable)
        #expect(code { try log.rotate() } == .unavailable)
        // Nothing is left to be synced.
        try await log.sync()
        #expect(try log.events().map(\.lsn) == [1, 2, 3])
        var kept: [LSN] = [1, 2, 3]
        switch how {
        case "goes on":
            plan.clear()
            waitUntil { code { try log.append([1]) } == nil }
            #expect(log.lastAssignedLSN == 4)
            kept.append(4)
            try await log.shutdown()
        case "shutdown": try await log.shutdown()
        default: try await log.close()
        }
        let again = try await WriteAheadLog.open(at: "/log", options: testOptions(disk.crash(.keepNone).storage))
        #expect(try again.events().map(\.lsn) == kept)
        try await again.shutdown()
    }

    @Test(.hangGuard) func `A file that can't be removed is removed by itself once it can be`() throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let recorder = Recorder()
        var options = options(disk, plan, .batch)
        options.compression = .none
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/log", options: options)
        for number in 1...20 as ClosedRange<UInt8> { try log.append([UInt8](repeating: number, count: 3000)) }
        try log.sync()
        let oldest = "/log/" + FileNames.segment(base: 1)
        plan.add(Fault(operations: [.unlink], pathContains: oldest, isLasting: true, errno: ErrorNumber.notPermitted))
        #expect(code { try log.truncate(before: 15) } == .permissionDenied)
        waitUntil {
            recorder.events.contains {
                if case .error(let error) = $0 { return error.code == .permissionDenied }
                return false
            }
        }
        try log.appendDurably([1])
        #expect(disk.files().contains(oldest))
        plan.clear()
        waitUntil { !disk.files().contains(oldest) }
        try log.shutdown()
    }

    /// The time of an event is its frame's: the same bytes of the events would not do.
    @Test(.hangGuard) func `Who follows from elsewhere sees nothing wrong where a write was made again`() throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        var options = testOptions(LogStorage(FaultStorage(disk.backend, plan: plan)), sync: .never)
        options.preallocation = .growing
        let log = try WriteAheadLog.open(at: "/log", options: options)
        try log.appendDurably([1])
        var reading = testOptions(disk.storage)
        reading.readOnly = true
        let reader = try WriteAheadLog.open(at: "/log", options: reading)
        var follower = try reader.follow(from: 1, delivering: .written)
        #expect(try follower.nextOwned(timeout: .seconds(60))?.lsn == 1)
        // All of the frame reaches the file, and the call says that it did not.
        plan.add(
            Fault(
                operations: [.write], pathContains: ".seg", isLasting: true, errno: ErrorNumber.noSpace,
                effect: .everything))
        try log.append([2])
        let seen = try follower.nextOwned(timeout: .seconds(60))
        #expect(seen?.lsn == 2 && log.lastLSN == 1)
        plan.clear()
        waitUntil { log.lastLSN == 2 }
        for value in 3...6 as ClosedRange<UInt8> {
            try log.append([value])
            try log.flush()
        }
        #expect(try log.events(from: 2).first?.time == seen?.time)
        for lsn in 3...6 as ClosedRange<UInt64> {
            #expect(try follower.nextOwned(timeout: .seconds(60))?.lsn == LSN(lsn))
        }
        #expect(try reader.verify().isIntact)
        try log.shutdown()
        try reader.close()
    }

    @Test(.hangGuard) func `A close that throws accepted events away says so`() throws {
        let gate = DiskGate()
        let options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        let log = try WriteAheadLog.open(at: "/log", options: options)
        try log.appendDurably([1])
        gate.shut(.write)
        for number in 2...4 as ClosedRange<UInt8> { try log.append([number]) }
        gate.fail(.write, ErrorNumber.noSpace)
        gate.open()
        for _ in 0..<2 {
            do {
                try log.close()
                Issue.record("events were thrown away in silence")
            } catch {
                #expect(error.code == .discarded && error.lsns == 2...4, "\(error)")
            }
        }
        #expect(code { try log.shutdown() } == .discarded)
        gate.fail(.write, nil)
        let again = try WriteAheadLog.open(at: "/log", options: options)
        #expect(try again.events().map(\.lsn) == [1])
        // Nothing is queued.
        try again.close()
        try again.close()
    }
}
