import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// Planted bugs above the store: who is answered, when, and by whom.
@Suite("Planted bugs of the group commit")
struct GroupCommitFlawTests {
    private func open(_ storage: LogStorage, _ flaws: StoreFlaws) throws -> WriteAheadLog {
        var options = testOptions(storage, sync: .never)
        options.flaws = flaws
        return try WriteAheadLog.open(at: "/log", options: options)
    }

    @Test(.hangGuard, arguments: [StoreFlaws(), .answersBeforeSync])
    func `Who waits for durability is answered when the event is durable`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let log = try open(disk.storage, flaws)
        try log.appendDurably([1])
        let after = try WriteAheadLog.open(at: "/log", options: testOptions(disk.crash(.keepNone).storage))
        #expect(after.lastLSN == (flaws.isEmpty ? 1 : 0))
        try after.close()
        try log.close()
    }

    @Test(.hangGuard, arguments: [StoreFlaws(), .dropsQueueAtShutdown])
    func `A shutdown writes what is queued`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let gate = DiskGate()
        let log = try open(gate.guarding(disk.backend), flaws)
        gate.shut(.write)
        try log.append([0])
        try log.append([1])
        gate.waitUntilHeld()
        for number in UInt8(2)..<50 { try log.append([number]) }
        let shutdown = try SystemThread(name: "shutdown") { _ = code { try log.shutdown() } }
        waitUntil { log.state == .draining }
        gate.open()
        shutdown.join()
        let again = try WriteAheadLog.open(at: "/log", options: testOptions(disk.storage))
        #expect((again.lastLSN == 50) == flaws.isEmpty, "\(again.lastLSN)")
        try again.close()
    }

    /// While one thread syncs, another comes to wait for an event that this sync covers.
    @Test(
        .hangGuard, arguments: [StoreFlaws(), .wakesNextGeneration, .leavesWaitersAsleep],
        [nil, ErrorNumber.io])
    func `A sync, done or failed, wakes whoever waits for it`(_ flaws: StoreFlaws, _ failure: CInt?) throws {
        // One is about syncs that succeed, the other about those that fail.
        guard flaws.isEmpty || (flaws == .leavesWaitersAsleep) == (failure != nil) else { return }
        let gate = DiskGate()
        let log = try open(gate.guarding(SimulatedDisk().backend), flaws)
        try log.append([1])
        gate.shut(.sync)
        defer { gate.open() }
        gate.fail(.sync, failure)
        let leader = try SystemThread(name: "leader") { _ = code { try log.appendDurably([2]) } }
        gate.waitUntilHeld()
        let waiter = try WatchedThread(name: "waiter") { _ = code { try log.waitDurable(1) } }
        #expect(waiter.fallsAsleep())
        gate.open()
        leader.join()
        // Whoever the leader has woken is no longer asleep, be it that it has not run yet.
        if flaws.isEmpty { waiter.join() }
        #expect(waiter.fallsAsleep() != flaws.isEmpty)
        try log.close()
        waiter.join()
    }
}
