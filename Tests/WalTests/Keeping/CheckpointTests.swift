import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("A checkpoint is durable, names a durable event, and is where its consumer goes on")
struct CheckpointTests {
    private func open(_ disk: SimulatedDisk, sync: SyncPolicy = .never) throws -> WriteAheadLog {
        try WriteAheadLog.open(at: "/log", options: testOptions(disk.storage, sync: sync, segmentSize: 16 << 10))
    }

    @Test("Saving makes the event durable first, whatever the policy", arguments: [SyncPolicy.never, .batch])
    func makesDurable(_ sync: SyncPolicy) async throws {
        let disk = SimulatedDisk()
        let log = try open(disk, sync: sync)
        for number in 0..<20 { try await log.append([UInt8(number)]) }
        try await log.saveCheckpoint("a", at: 15, state: [1, 2])
        #expect(log.durableLSN >= 15)
        try await log.saveCheckpoint("b", at: 20)
        #expect(log.durableLSN == 20)
        // All of it survives a power cut at this very moment.
        let again = try open(disk.crash(.keepNone))
        #expect(again.lastLSN == 20)
        #expect(try await again.checkpoint("a").state == [1, 2])
        #expect(try await again.checkpoint("a").position.lsn == 15)
        #expect(try await again.checkpoint("b").state == nil)
        #expect(try await again.checkpoints().map(\.name) == ["a", "b"])
        try await again.removeCheckpoint("a")
        #expect(try await again.checkpoints().map(\.name) == ["b"])
    }

    @Test("Replay, iterator, follower and sequence go on behind it")
    func resumes() async throws {
        let log = try open(SimulatedDisk())
        for number in 0..<20 { try await log.append([UInt8(number)]) }
        try await log.saveCheckpoint("a", at: 15)
        try await log.saveCheckpoint("new", at: 0)
        try await log.saveCheckpoint("done", at: 20)
        for (name, expected) in [("a", 16...20), ("new", 1...20)] as [(String, ClosedRange<UInt64>)] {
            var replayed: [UInt64] = []
            try log.replay(fromCheckpoint: name) { event in
                replayed.append(event.lsn.rawValue)
                return .continue
            }
            #expect(replayed == Array(expected))
            var iterator = try log.iterator(fromCheckpoint: name)
            #expect(try iterator.nextOwned()?.lsn.rawValue == expected.lowerBound)
            var follower = try log.follow(fromCheckpoint: name)
            #expect(try follower.nextOwned()?.lsn.rawValue == expected.lowerBound)
            for try await event in try await log.events(fromCheckpoint: name) {
                #expect(event.lsn.rawValue == expected.lowerBound)
                break
            }
        }
        var iterator = try log.iterator(fromCheckpoint: "done")
        #expect(try iterator.nextOwned() == nil)
        #expect(code { _ = try log.iterator(fromCheckpoint: "nobody") } == .unknownCheckpoint)
    }

    @Test("One that fell behind what is kept says how much is lost")
    func fallsBehind() throws {
        let log = try open(SimulatedDisk())
        for number in 0..<20 { try log.append([UInt8(number)]) }
        try log.saveCheckpoint("a", at: 4)
        try log.saveCheckpoint("b", at: 9)
        try log.saveCheckpoint("zero", at: 0)
        try log.truncate(before: 10)
        do throws(WalError) {
            _ = try log.iterator(fromCheckpoint: "a")
            Issue.record("it went on")
        } catch {
            #expect(error.code == .checkpointFellBehind)
            #expect(error.lsns == 5...9)
            #expect(error.message.contains("5 events"))
        }
        #expect(code { _ = try log.iterator(fromCheckpoint: "zero") } == .checkpointFellBehind)
        var iterator = try log.iterator(fromCheckpoint: "b")
        #expect(try iterator.nextOwned()?.lsn == 10)
        // A log that begins at another LSN has lost nothing.
        var options = testOptions(SimulatedDisk().storage)
        options.startLSN = 1000
        let other = try WriteAheadLog.open(at: "/other", options: options)
        try other.saveCheckpoint("zero", at: 0)
        try other.append([1])
        try other.flush()
        var first = try other.iterator(fromCheckpoint: "zero")
        #expect(try first.nextOwned()?.lsn == 1000)
    }

    @Test("What can't be saved is refused by name")
    func refusals() async throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        try await log.append([1])
        #expect(code { try log.saveCheckpoint("a", at: 2) } == .notYetWritten)
        #expect(code { try log.saveCheckpoint("A", at: 1) } == .invalidArgument)
        #expect(code { try log.saveCheckpoint("", at: 1) } == .invalidArgument)
        let state = [UInt8](repeating: 0, count: Checkpoint.stateBytesMax + 1)
        #expect(code { try log.saveCheckpoint("a", at: 1, state: state) } == .invalidArgument)
        #expect(await asyncCode { try await log.saveCheckpoint("a", at: 2) } == .notYetWritten)
        try await log.saveCheckpoint("a", at: 1)
        var reading = testOptions(disk.storage)
        reading.readOnly = true
        let reader = try await WriteAheadLog.open(at: "/log", options: reading)
        #expect(try await reader.checkpoint("a").position.lsn == 1)
        #expect(code { try reader.saveCheckpoint("a", at: 1) } == .readOnly)
        #expect(code { try reader.removeCheckpoint("a") } == .readOnly)
        try await log.shutdown()
        #expect(code { try log.saveCheckpoint("a", at: 1) } == .closed)
        #expect(code { _ = try log.checkpoint("a") } == .closed)
        #expect(code { _ = try log.checkpoints() } == .closed)
        #expect(code { try log.removeCheckpoint("a") } == .closed)
    }

    @Test("An error of its files concerns the call alone")
    func errors() throws {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        let storage = FaultStorage(disk.backend, plan: plan)
        let log = try WriteAheadLog.open(at: "/log", options: testOptions(LogStorage(storage)))
        try log.appendDurably([1])
        try log.saveCheckpoint("a", at: 0, state: [1])
        for operation in [StorageError.Operation.create, .write, .sync, .rename, .close] {
            plan.add(Fault(operations: [operation], pathContains: ".ckpt.tmp"))
            #expect(code { try log.saveCheckpoint("a", at: 1, state: [2]) } == .io)
        }
        #expect(log.state == .running)
        #expect(try log.checkpoint("a").state == [1])
        try log.appendDurably([2])
        try log.saveCheckpoint("a", at: 2, state: [3])
        #expect(try log.checkpoint("a").state == [3])
        try log.shutdown()
    }
}
