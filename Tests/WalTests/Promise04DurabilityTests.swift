import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Promise 4: waitDurable never returns for an event that is still queued or not yet synced")
struct Promise04DurabilityTests {
    @Test(
        "It returns after the write and after the sync, not before", .hangGuard,
        arguments: [SyncPolicy.never, .batch])
    func notBefore(sync: SyncPolicy) async throws {
        let gate = DiskGate()
        let log = try await WriteAheadLog.open(
            at: "/not-before-\(sync)", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: sync))
        try await log.append([1])
        try await log.sync()
        gate.shut(.write)
        let lsn = try await log.append([2])
        let returned = Shared(0)
        let threads = try (0..<3).map { index in
            try SystemThread(name: "durable") {
                let code = code {
                    switch index {
                    case 0: try log.waitDurable(lsn)
                    case 1: try log.sync()
                    default: try log.appendDurably([3])
                    }
                }
                if code == nil { returned.update { $0 += 1 } }
            }
        }
        async let task: Void = log.waitDurable(lsn)
        gate.waitUntilHeld()
        #expect(log.durableLSN == 1)
        #expect(log.lastLSN == 1)
        SystemClock.sleep(nanoseconds: 20_000_000)
        #expect(returned.value == 0)
        gate.shut(.sync)
        gate.letThrough(.write)
        waitUntil { log.lastLSN >= lsn }
        gate.waitUntilHeld()
        SystemClock.sleep(nanoseconds: 20_000_000)
        #expect(returned.value == 0)
        #expect(log.durableLSN == 1)
        gate.open()
        for thread in threads { thread.join() }
        try await task
        #expect(returned.value == 3)
        #expect(log.durableLSN == 3)
        try await log.shutdown()
    }

    @Test("A sync that began before the event was written does not cover it", .hangGuard)
    func laterSync() throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/later", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .never))
        try log.append([1])
        try log.sync()
        gate.shut(.sync)
        let first = try SystemThread(name: "first") { _ = code { try log.appendDurably([2]) } }
        gate.waitUntilHeld()
        let syncs = gate.count(.sync)
        try log.append([3])
        let second = try SystemThread(name: "second") { _ = code { try log.waitDurable(3) } }
        SystemClock.sleep(nanoseconds: 5_000_000)
        gate.open()
        first.join()
        second.join()
        #expect(log.durableLSN == 3)
        #expect(gate.count(.sync) >= syncs + 2)
        try log.shutdown()
    }

    @Test("An LSN that was not accepted is an error, not a wait", .hangGuard)
    func notAccepted() async throws {
        let log = try await WriteAheadLog.open(at: "/not-accepted", options: testOptions(SimulatedDisk().storage))
        #expect(code { try log.waitDurable(1) } == .notYetWritten)
        #expect(await asyncCode { try await log.waitDurable(1) } == .notYetWritten)
        try await log.waitDurable(0)
        try await log.shutdown()
    }

    @Test("With interval sync an idle log syncs its tail", .hangGuard)
    func idleTail() throws {
        let log = try WriteAheadLog.open(
            at: "/idle-tail", options: testOptions(SimulatedDisk().storage, sync: .interval(.milliseconds(20))))
        for _ in 0..<3 {
            let lsn = try log.append([1])
            waitUntil { log.durableLSN >= lsn }
        }
        try log.append([2])
        try log.flush()
        waitUntil { log.durableLSN == 4 }
        try log.shutdown()
    }

    @Test(
        "With batch sync every event becomes durable by itself; with bytes sync, every so many", .hangGuard
    )
    func otherPolicies() throws {
        let batch = try WriteAheadLog.open(at: "/by-batch", options: testOptions(SimulatedDisk().storage))
        try batch.append([1])
        waitUntil { batch.durableLSN == 1 }
        try batch.append([2])
        try batch.flush()
        waitUntil { batch.durableLSN == 2 }
        try batch.shutdown()
        let bytes = try WriteAheadLog.open(
            at: "/by-bytes", options: testOptions(SimulatedDisk().storage, sync: .bytes(10_000)))
        for _ in 0..<20 { try bytes.append([UInt8](repeating: 1, count: 1000)) }
        waitUntil { bytes.durableLSN > 0 }
        try bytes.shutdown()
        #expect(bytes.durableLSN == 20)
    }

    @Test(
        "Many threads that append durably share syncs, and each returns when its own event is durable",
        .hangGuard)
    func groupCommit() throws {
        let log = try WriteAheadLog.open(at: "/group", options: testOptions(SimulatedDisk().storage, sync: .never))
        let early = Shared(0)
        try onThreads(16) { _ in
            for _ in 0..<500 {
                guard let lsn = try? log.appendDurably([1, 2, 3]), log.durableLSN >= lsn else {
                    early.update { $0 += 1 }
                    return
                }
            }
        }
        #expect(early.value == 0)
        #expect(log.durableLSN == 8000)
        #expect(log.stats().syncs <= 8000)
        try log.shutdown()
    }

    @Test("A thousand tasks that append durably all return", .hangGuard)
    func tasks() async throws {
        let log = try await WriteAheadLog.open(
            at: "/tasks", options: testOptions(SimulatedDisk().storage, sync: .never))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    for _ in 0..<5 {
                        let lsn = try await log.appendDurably([UInt8(number % 256)])
                        #expect(log.durableLSN >= lsn)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(log.durableLSN == 5000)
        try await log.shutdown()
    }
}
