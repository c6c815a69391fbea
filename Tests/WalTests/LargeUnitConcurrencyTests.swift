import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A large unit that waits for room is not passed over for ever")
struct LargeUnitConcurrencyTests {
    private static func open(_ gate: DiskGate, _ backPressure: BackPressure = .block) throws -> WriteAheadLog {
        var options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        options.queueBytes = 64 << 10
        options.backPressure = backPressure
        return try WriteAheadLog.open(at: "/large", options: options)
    }

    /// Fills a part of the queue and has the writer stuck with it.
    private static func fill(_ log: WriteAheadLog, _ gate: DiskGate) throws {
        gate.shut(.write)
        try log.append([UInt8](repeating: 1, count: 1000))
        gate.waitUntilHeld()
    }

    private static func expectOrder(_ log: WriteAheadLog, _ sizes: [Int]) throws {
        try log.flush()
        var seen: [Int] = []
        try log.replay { event in
            seen.append(event.payloadBytes.count)
            return .continue
        }
        #expect(seen == sizes)
    }

    @Test(
        "It comes before all that ask for room after it, though there is room for them", .hangGuard,
        arguments: [100 << 10, 40 << 10])
    func comesFirst(size: Int) throws {
        let gate = DiskGate()
        let log = try Self.open(gate)
        try Self.fill(log, gate)
        try log.append([UInt8](repeating: 2, count: 30_000))
        let large = try WatchedThread(name: "large") { _ = code { try log.append([UInt8](repeating: 3, count: size)) } }
        #expect(large.fallsAsleep())
        var small: [WatchedThread] = []
        for number in 0..<3 {
            small.append(
                try WatchedThread(name: "small") {
                    _ = code { try log.append([UInt8](repeating: 4, count: 10 + number)) }
                })
            #expect(small.last?.fallsAsleep() == true, "a small event was let through before the large one")
        }
        gate.open()
        large.join()
        for thread in small { thread.join() }
        try log.flush()
        let sizes = try log.events().map(\.payload.count)
        #expect(sizes.prefix(3) == [1000, 30_000, size] && sizes.count == 6)
        try log.shutdown()
    }

    @Test("So does a task, and one that is cancelled lets the others through", .hangGuard)
    func tasks() async throws {
        let gate = DiskGate()
        let log = try Self.open(gate)
        try Self.fill(log, gate)
        let tasks = try TaskThread.start()
        let given = tasks.begin { await asyncCode { try await log.append([UInt8](repeating: 3, count: 100 << 10)) } }
        tasks.waitUntilIdle()
        let blocked = tasks.begin { await asyncCode { try await log.append([UInt8](repeating: 4, count: 10)) } }
        tasks.waitUntilIdle()
        #expect(log.lastAssignedLSN == 1)
        given.cancel()
        #expect(await given.value == .cancelled)
        // There is room for it, and nobody is before it.
        #expect(await blocked.value == nil)
        #expect(log.lastAssignedLSN == 2)
        let large = tasks.begin { await asyncCode { try await log.append([UInt8](repeating: 5, count: 100 << 10)) } }
        tasks.waitUntilIdle()
        let last = tasks.begin { await asyncCode { try await log.append([UInt8](repeating: 6, count: 11)) } }
        tasks.waitUntilIdle()
        #expect(log.lastAssignedLSN == 2)
        gate.open()
        #expect(await large.value == nil)
        #expect(await last.value == nil)
        try Self.expectOrder(log, [1000, 10, 100 << 10, 11])
        tasks.end()
        try await log.shutdown()
    }

    @Test("The end of the log, and a full disk, are told to all of them", .hangGuard)
    func ends() throws {
        let gate = DiskGate()
        let log = try Self.open(gate)
        try Self.fill(log, gate)
        let ended = Shared<[WalError.Code?]>([])
        var threads: [WatchedThread] = []
        for size in [100 << 10, 10, 90 << 10] {
            threads.append(
                try WatchedThread(name: "producer") {
                    let end = code { try log.append([UInt8](repeating: 3, count: size)) }
                    ended.update { $0.append(end) }
                })
            #expect(threads.last?.fallsAsleep() == true)
        }
        gate.fail(.write, ErrorNumber.noSpace)
        gate.open()
        for thread in threads { thread.join() }
        #expect(ended.value == [.diskFull, .diskFull, .diskFull])
        gate.fail(.write, nil)
        waitUntil { code { try log.append([1]) } == nil }
        try log.append([UInt8](repeating: 3, count: 100 << 10))
        try log.shutdown()
    }
}
