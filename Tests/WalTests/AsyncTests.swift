import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("The suspending forms do what the blocking ones do")
struct AsyncTests {
    @Test("Each of them once", .hangGuard)
    func each() async throws {
        let disk = SimulatedDisk()
        let log = try await WriteAheadLog.open(at: "/async", options: testOptions(disk.storage, sync: .never))
        let bytes: [UInt8] = [1, 2]
        #expect(try await log.append(bytes) == 1)
        #expect(try await log.append("text") == 2)
        #expect(try await log.append("text".utf8) == 3)
        #expect(try await log.append(bytes.span.bytes) == 4)
        #expect(try await log.append(bytes, meta: [3], key: [4], time: EventTime(nanosecondsSince1970: 5)) == 5)
        #expect(try await log.append(bytes.span.bytes, meta: nil) == 6)
        #expect(try await log.append(bytes, expecting: 6) == 7)
        #expect(try await log.append(bytes.span.bytes, expecting: 7) == 8)
        #expect(await asyncCode { try await log.append(bytes, expecting: 7) } == .unexpectedLSN)
        var batch = EventBatch()
        try batch.append(bytes)
        try batch.append(bytes)
        #expect(try await log.append(batch) == 10)
        #expect(await asyncCode { try await log.append(EventBatch()) } == .emptyBatch)
        try await log.flush()
        #expect(log.lastLSN == 10)
        try await log.waitDurable(4)
        #expect(log.durableLSN >= 4)
        try await log.sync()
        #expect(log.durableLSN == 10)
        #expect(try await log.appendDurably(bytes) == 11)
        #expect(try await log.appendDurably(bytes.span.bytes) == 12)
        #expect(try await log.appendDurably("text") == 13)
        var second = EventBatch()
        try second.append(bytes)
        #expect(try await log.appendDurably(second) == 14)
        #expect(log.durableLSN == 14)
        #expect(try await log.rotate())
        #expect(try await !log.rotate())
        #expect(try await log.truncate(before: 15).count == 1)
        #expect(try await log.verify().isIntact)
        try await log.shutdown(timeout: .seconds(600))
        try await log.close()
        #expect(log.state == .closed)
    }

    @Test(
        "A task that waits for room, or for the file, stops when it is cancelled, and nothing more is appended",
        .hangGuard)
    func cancelled() async throws {
        let gate = DiskGate()
        var options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        options.queueEvents = 4
        let log = try await WriteAheadLog.open(at: "/cancelled", options: options)
        gate.shut(.write)
        for _ in 0..<4 { try await log.append([1]) }
        let waiting = Task { await asyncCode { try await log.append([2]) } }
        let flushing = Task { await asyncCode { try await log.flush() } }
        try await eventually { log.stats().stalls == 1 }
        waiting.cancel()
        flushing.cancel()
        #expect(await waiting.value == .cancelled)
        #expect(await flushing.value == .cancelled)
        #expect(log.lastAssignedLSN == 4)
        // One that was cancelled before it began to wait.
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await asyncCode { try await log.append([3]) }
        }
        #expect(await early.value == .cancelled)
        let stays = Task { await asyncCode { try await log.append([4]) } }
        try await eventually { log.stats().stalls == 3 }
        gate.open()
        #expect(await stays.value == nil)
        #expect(log.lastAssignedLSN == 5)
        try await log.shutdown()
    }
}
