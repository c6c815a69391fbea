import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A full disk is retried at a measured pace, whoever found it full")
struct StalledDiskTests {
    @Test(
        "Neither the running nor the draining log writes in a loop while there is no room", .hangGuard,
        arguments: [SyncPolicy.batch, .never, .bytes(1), .interval(.milliseconds(1))])
    func noLoop(sync: SyncPolicy) throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/no-loop", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: sync))
        try log.appendDurably([1])
        gate.fail(.write, ErrorNumber.noSpace)
        _ = code { try log.append([2]) }
        waitUntil { code { try log.append([3]) } == .diskFull }
        expectFewWrites(gate)
        #expect(code { try log.shutdown() } == .diskFull)
        expectFewWrites(gate)
        gate.fail(.write, nil)
        // A write that was failing then may be told of afterwards.
        waitUntil { code { try log.shutdown() } != .diskFull }
        try log.shutdown()
        #expect(log.durableLSN == log.lastAssignedLSN)
    }

    private func expectFewWrites(_ gate: DiskGate) {
        let (start, before) = (SystemClock.monotonicNanoseconds(), gate.count(.write))
        SystemClock.sleep(nanoseconds: 300_000_000)
        let made = gate.count(.write) - before
        let seconds = (SystemClock.monotonicNanoseconds() - start) / 1_000_000_000
        // A few tries may be due, two in a second; a loop makes thousands.
        #expect(made < 20 + 4 * Int(seconds))
    }

    @Test(
        "What a caller's own commit could not write is written once there is room, without a further call",
        .hangGuard, arguments: [SyncPolicy.batch, .never])
    func foundByLeader(sync: SyncPolicy) throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/by-leader", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: sync))
        try log.appendDurably([1])
        gate.fail(.write, ErrorNumber.noSpace)
        #expect(code { try log.appendDurably([2]) } == .diskFull)
        gate.fail(.write, nil)
        waitUntil { log.lastLSN == 2 }
        try log.shutdown()
    }

    @Test("What is written is flushed, though a sync is under way", .hangGuard)
    func flushDuringSync() throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/flush-during-sync", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .never))
        gate.shut(.write, .sync)
        let leader = try SystemThread(name: "leader") { _ = code { try log.appendDurably([1]) } }
        gate.waitUntilHeld()
        let flusher = try SystemThread(name: "flusher") { _ = code { try log.flush() } }
        SystemClock.sleep(nanoseconds: 5_000_000)
        // The write goes through; the sync that follows is held up, and the flush must not wait for it.
        gate.letThrough(.write)
        flusher.join()
        #expect(log.lastLSN == 1)
        #expect(log.durableLSN == 0)
        gate.open()
        leader.join()
        try log.shutdown()
    }

    @Test("A want of descriptors for the next segment passes, as a want of room does", .hangGuard)
    func descriptors() throws {
        let failing = Shared(false)
        let storage = HookStorage(base: SimulatedDisk().backend) { operation, path throws(StorageError) in
            if operation == .create, failing.value { throw StorageError(.create, path, errno: 24) }
        }
        let log = try WriteAheadLog.open(
            at: "/descriptors", options: testOptions(LogStorage(storage), sync: .never, segmentSize: 16 << 10))
        try log.appendDurably([1])
        failing.value = true
        // The spare that is there already is used up first.
        waitUntil {
            let result = code {
                try log.append([2])
                try log.rotate()
            }
            return result == .unavailable
        }
        #expect(log.state == .running)
        waitUntil { code { try log.append([UInt8](repeating: 2, count: 1000)) } == .unavailable }
        #expect(code { try log.sync() } == .unavailable)
        #expect(log.state == .running)
        let last = log.lastAssignedLSN
        failing.value = false
        waitUntil { log.lastLSN == last }
        try log.rotate()
        try log.shutdown()
        #expect(log.durableLSN == last)
    }

    @Test("From its first roll on the writer holds what the next one needs", .hangGuard)
    func heldSpare() throws {
        let disk = SimulatedDisk()
        let failing = Shared(false)
        let storage = HookStorage(base: disk.backend) { operation, path throws(StorageError) in
            if operation == .create, failing.value { throw StorageError(.create, path, errno: 24) }
        }
        let log = try WriteAheadLog.open(at: "/held", options: testOptions(LogStorage(storage), segmentSize: 1 << 20))
        try log.appendDurably([1])
        try log.rotate()
        // The background has done all there was to do.
        waitUntil { (try? log.segments().first?.state) == .sealed }
        #expect(try disk.backend.list("/held").contains("next.tmp"))
        failing.value = true
        try log.appendDurably([2])
        #expect(try log.rotate())
        failing.value = false
        try log.shutdown()
    }
}
