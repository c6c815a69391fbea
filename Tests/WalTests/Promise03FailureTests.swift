import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Promise 3: a write or sync error reaches every caller that it concerns, and stays")
struct Promise03FailureTests {
    /// A log with events 1 … 3 durable, and the gate by which its disk fails.
    private func makeLog(_ name: String, disk: SimulatedDisk, sync: SyncPolicy) throws -> (WriteAheadLog, DiskGate) {
        let gate = DiskGate()
        let storage = gate.guarding(disk.backend)
        let log = try WriteAheadLog.open(at: name, options: testOptions(storage, sync: sync))
        for number in 1...3 { try log.append([UInt8(number)]) }
        try log.sync()
        return (log, gate)
    }

    @Test(
        "After a failed write or sync every call throws the first cause, whatever the disk does later",
        .hangGuard, arguments: [StorageError.Operation.write, .sync], [SyncPolicy.batch, .never])
    func everyCall(operation: StorageError.Operation, sync: SyncPolicy) async throws {
        let disk = SimulatedDisk()
        let (log, gate) = try makeLog("/failure-\(operation)-\(sync)", disk: disk, sync: sync)
        gate.fail(operation, ErrorNumber.io)
        #expect(code { try log.appendDurably([4]) } == .failed)
        // The disk is well again; a sync now would succeed, and must vouch for nothing.
        gate.fail(operation, nil)
        #expect(log.state == .failed)
        #expect(code { try log.append([5]) } == .failed)
        #expect(code { try log.flush() } == .failed)
        #expect(code { try log.sync() } == .failed)
        #expect(code { try log.waitDurable(4) } == .failed)
        #expect(code { try log.appendDurably([5]) } == .failed)
        #expect(code { try log.rotate() } == .failed)
        #expect(code { try log.truncate(before: 2) } == .failed)
        #expect(await asyncCode { try await log.waitDurable(4) } == .failed)
        #expect(await asyncCode { try await log.append([5]) } == .failed)
        #expect(log.durableLSN == 3)
        #expect(try log.events().prefix(3).map(\.payload) == [[1], [2], [3]])
        do {
            try await log.shutdown()
            Issue.record("a failed log was shut down in order")
        } catch {
            #expect(error.code == .failed)
            #expect(error.errno?.rawValue == ErrorNumber.io)
        }
        #expect(log.state == .closed)
        #expect(code { try log.append([5]) } == .closed)
        try await log.close()

        let again = try await WriteAheadLog.open(at: log.path, options: testOptions(disk.storage))
        try await again.sync()
        #expect(again.durableLSN >= 3 && again.durableLSN == again.lastLSN)
        try await again.append([9])
        try await again.shutdown()
        #expect(again.durableLSN == again.lastLSN)
        // What is durable now must be so on any disk that a power cut leaves.
        let after = try await WriteAheadLog.open(
            at: log.path, options: testOptions(disk.crash(.keepNone).storage))
        #expect(after.lastLSN == again.lastLSN)
        #expect(try after.events().last?.payload == [9])
        try await after.shutdown()
    }

    @Test("A sync that fails answers everybody who waits for it", .hangGuard)
    func everyWaiter() async throws {
        let gate = DiskGate()
        var options = testOptions(gate.guarding(SimulatedDisk().backend))
        options.queueBytes = 100
        let log = try await WriteAheadLog.open(at: "/waiters", options: options)
        try await log.append([1])
        try await log.sync()
        gate.shut(.sync)
        defer { gate.open() }
        gate.fail(.sync, ErrorNumber.io)
        let codes = Shared<[String: WalError.Code?]>([:])
        func start(_ name: String, _ call: @escaping @Sendable () throws -> Void) throws -> SystemThread {
            try SystemThread(name: name) {
                let code = code(call)
                codes.update { $0.updateValue(code, forKey: name) }
            }
        }
        var threads = [try start("first") { try log.appendDurably([2]) }]
        gate.waitUntilHeld()
        threads += [
            try start("waiter") { try log.waitDurable(2) },
            try start("syncer") { try log.sync() },
            try start("appender") { for _ in 0..<100 { try log.append([UInt8](repeating: 3, count: 60)) } },
            try start("shutdown") { try log.shutdown() },
        ]
        async let task = asyncCode { try await log.waitDurable(2) }
        waitUntil { log.state == .draining }
        gate.open()
        for thread in threads { thread.join() }
        let taskCode = await task
        #expect(taskCode == .failed)
        let all = codes.value
        for name in ["first", "waiter", "syncer", "shutdown"] { #expect(all[name] == .some(.failed), "\(all)") }
        // It may have met the draining log first, or the shutdown may have ended before it began.
        let appender = all["appender"] ?? nil
        #expect([.failed, .draining, .closed].contains(appender), "\(all)")
        #expect(log.durableLSN == 1)
        try await log.close()
    }
}
