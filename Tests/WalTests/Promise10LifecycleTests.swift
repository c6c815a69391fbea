import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Promise 10: closing answers every waiter, hangs never, and frees the lock")
struct Promise10LifecycleTests {
    @Test(
        "Closing while threads append, wait, iterate, rotate and truncate", .hangGuard, arguments: 0..<20)
    func closeUnderLoad(round: Int) throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, sync: round % 2 == 0 ? .batch : .never, segmentSize: 64 << 10)
        options.queueBytes = 2000
        let log = try WriteAheadLog.open(at: "/close-\(round)", options: options)
        let legal: Set<WalError.Code> = [.closed, .discarded, .draining, .truncated]
        let illegal = Shared<[String]>([])
        let started = Shared(0)
        try onThreads(10) { thread in
            started.update { $0 += 1 }
            do {
                if thread < 2 {
                    waitUntil { started.value == 10 && log.lastLSN > 50 }
                    if round % 4 < 2 { try log.close() } else { try log.shutdown() }
                    return
                }
                var step: UInt64 = 0
                while true {
                    step += 1
                    switch thread {
                    case 2, 3: try log.append([UInt8](repeating: 1, count: 100))
                    case 4: try log.appendDurably([2])
                    case 5: try log.sync()
                    case 6: try log.rotate()
                    case 7: try log.truncate(before: LSN(min(step, max(log.firstLSN.rawValue, log.lastLSN.rawValue))))
                    case 8: try log.replay { _ in .continue }
                    default:
                        var iterator = try log.iterator()
                        while let event = try iterator.next() { _ = event.payload.byteCount }
                    }
                }
            } catch {
                if let error = error as? WalError, legal.contains(error.code) { return }
                illegal.update { $0.append("thread \(thread): \(error)") }
            }
        }
        #expect(illegal.value == [])
        #expect(log.state == .closed)
        // The lock is free, and nothing that was durable is missing.
        let durable = log.durableLSN
        let again = try WriteAheadLog.open(at: log.path, options: options)
        #expect(again.lastLSN >= durable)
        #expect(try again.verify().isIntact)
        try again.shutdown()
    }

    @Test(
        "A deadline that passes leaves the log draining; shutting down again, or closing, ends it",
        .hangGuard, arguments: [true, false])
    func deadline(closes: Bool) throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/deadline-\(closes)", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .never))
        try log.append([1])
        try log.sync()
        gate.shut(.write)
        try log.append([2])
        #expect(code { try log.shutdown(timeout: .milliseconds(20)) } == .timedOut)
        #expect(log.state == .draining)
        #expect(code { try log.append([3]) } == .draining)
        #expect(try log.events().map(\.payload) == [[1]])
        if closes {
            let closer = try SystemThread(name: "closer") { _ = code { try log.close() } }
            waitUntil { log.state == .closed }
            gate.open()
            closer.join()
        } else {
            gate.open()
            try log.shutdown()
            try log.shutdown()
            #expect(log.durableLSN == 2)
        }
        #expect(log.state == .closed)
        try log.close()
    }

    @Test("Closing discards what is queued and tells everybody who waits", .hangGuard)
    func discards() async throws {
        let gate = DiskGate()
        let disk = SimulatedDisk()
        var options = testOptions(gate.guarding(disk.backend), sync: .never)
        options.queueBytes = 100
        let log = try await WriteAheadLog.open(at: "/discards", options: options)
        try await log.append([1])
        try await log.sync()
        gate.shut(.write)
        defer { gate.open() }
        let lsn = try await log.append([2])
        let codes = Shared<[WalError.Code?]>([])
        let calls: [@Sendable () throws -> Void] = [
            { try log.flush() }, { try log.sync() }, { try log.waitDurable(lsn) },
            { for _ in 0..<50 { try log.append([UInt8](repeating: 3, count: 40)) } },
        ]
        let threads = try calls.map { call in
            try SystemThread(name: "waiter") {
                let code = code(call)
                codes.update { $0.append(code) }
            }
        }
        let executor = try TaskThread.start()
        defer { executor.end() }
        let durable = executor.begin { await asyncCode { try await log.waitDurable(lsn) } }
        let space = executor.begin {
            await asyncCode { for _ in 0..<50 { try await log.append([UInt8](repeating: 3, count: 40)) } }
        }
        gate.waitUntilHeld()
        waitUntil { log.stats().stalls >= 2 }
        let closers = try (0..<3).map { _ in try SystemThread(name: "closer") { _ = code { try log.close() } } }
        waitUntil { log.state == .closed }
        gate.open()
        for thread in threads + closers { thread.join() }
        let tasks = await [durable.value, space.value]
        let all = codes.value + tasks
        #expect(all.count == 6)
        #expect(all.allSatisfy { $0 == .discarded || $0 == .closed || $0 == nil }, "\(all)")
        let again = try await WriteAheadLog.open(at: "/discards", options: testOptions(disk.storage))
        // The commit in flight may have gone through; then it was right to say so.
        #expect(again.lastLSN >= (all.contains(nil) ? lsn : 1))
        try await again.shutdown()
    }

    @Test("Use after close is an error; closing and shutting down again are not", .hangGuard)
    func afterClose() async throws {
        let disk = SimulatedDisk()
        let log = try await WriteAheadLog.open(at: "/after", options: testOptions(disk.storage))
        for number in 1...5 { try await log.append([UInt8(number)]) }
        try await log.sync()
        var iterator = try log.iterator()
        _ = try iterator.nextOwned()
        try await log.shutdown()
        try await log.shutdown()
        try await log.close()
        #expect(code { _ = try iterator.nextOwned() } == .closed)
        #expect(code { try log.append([1]) } == .closed)
        #expect(code { try log.flush() } == .closed)
        #expect(code { try log.sync() } == .closed)
        #expect(code { try log.rotate() } == .closed)
        #expect(code { try log.truncate(before: 1) } == .closed)
        #expect(code { _ = try log.segments() } == .closed)
        #expect(code { _ = try log.verify() } == .closed)
        #expect(code { _ = try log.iterator() } == .closed)
        #expect(code { try log.replay { _ in .continue } } == .closed)
        #expect(await asyncCode { try await log.append([1]) } == .closed)
        #expect(await asyncCode { try await log.sync() } == .closed)
        try await log.waitDurable(5)
        #expect(log.stats().durableLSN == 5)
        #expect(log.lastLSN == 5)
    }

    @Test("When the last reference goes the log closes by itself and frees the lock", .hangGuard)
    func released() throws {
        let disk = SimulatedDisk()
        let options = testOptions(disk.storage)
        for number in 1...10 {
            let log = try WriteAheadLog.open(at: "/released", options: options)
            try log.appendDurably([UInt8(number)])
            #expect(code { _ = try WriteAheadLog.open(at: "/released", options: options) } == .locked)
            _ = consume log
            waitUntil {
                guard let next = try? WriteAheadLog.open(at: "/released", options: options) else { return false }
                return (try? next.close()) != nil
            }
        }
        let log = try WriteAheadLog.open(at: "/released", options: options)
        #expect(try log.events().count == 10)
        try log.shutdown()
    }

    @Test("A callback may throw, stop, append, sync and close the log it is called by", .hangGuard)
    func callbacks() throws {
        struct Stop: Error {}
        let log = try WriteAheadLog.open(at: "/callbacks", options: testOptions(SimulatedDisk().storage))
        for number in 1...10 { try log.append([UInt8(number)]) }
        try log.sync()
        #expect(throws: Stop.self) { try log.replay { _ throws(Stop) in throw Stop() } }
        var count = 0
        try log.replay(from: 4) { event in
            count += 1
            try log.appendDurably([99])
            return event.lsn == 6 ? .stop : .continue
        }
        #expect(count == 3)
        #expect(log.lastLSN == 13)
        count = 0
        #expect(
            code {
                try log.replay { _ in
                    count += 1
                    try log.close()
                    return .continue
                }
            } == .closed)
        #expect(count == 1)
    }

    @Test("The observer hears the life of the log in order, and may close it", .hangGuard)
    func observed() throws {
        final class Closer: WalObserver {
            let log = Shared<WriteAheadLog?>(nil)
            func log(_ log: String, did event: WalEvent) {
                if case .written = event { _ = code { try self.log.value?.close() } }
            }
        }
        let recorder = Recorder()
        var options = testOptions(SimulatedDisk().storage)
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/observed", options: options)
        try log.appendDurably([1])
        try log.rotate()
        try log.shutdown()
        waitUntil { recorder.states.contains(.closed) }
        #expect(recorder.states == [.running, .draining, .closed])
        #expect(recorder.events.contains { if case .synced = $0 { true } else { false } })
        #expect(recorder.events.contains { if case .written(1, _, 1) = $0 { true } else { false } })

        let closer = Closer()
        options.observer = closer
        let other = try WriteAheadLog.open(at: "/closer", options: options)
        closer.log.value = other
        _ = code { try other.append([1]) }
        waitUntil { other.state == .closed }
        closer.log.value = nil
    }

    @Test("A cancelled task stops waiting; its event stays accepted", .hangGuard)
    func cancellation() async throws {
        let gate = DiskGate()
        let log = try await WriteAheadLog.open(
            at: "/cancel", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .never))
        gate.shut(.write)
        let task = Task { await asyncCode { try await log.appendDurably([1]) } }
        try await eventually { log.lastAssignedLSN == 1 }
        task.cancel()
        #expect(await task.value == .cancelled)
        #expect(log.durableLSN == 0)
        gate.open()
        try await log.sync()
        #expect(log.durableLSN == 1)
        try await log.close()
    }
}
