import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// Run under the thread sanitizer too (`scripts/test`): every pair of calls that may overlap does so here.
@Suite("Concurrency: every call from many threads at once")
struct ThreadsConcurrencyTests {
    /// Payloads tell the thread and its step, so that the file shows who was told what.
    private static func append(_ log: WriteAheadLog, _ thread: Int, _ step: Int) throws -> [(LSN, String)] {
        let text = "\(thread)/\(step)"
        switch step % 6 {
        case 0:
            var batch = EventBatch()
            for part in 0..<3 { try batch.append([UInt8](text: "\(text)/\(part)")) }
            let last = try log.append(batch).rawValue
            return (0..<3).map { (LSN(last - 2 + UInt64($0)), "\(text)/\($0)") }
        case 1: return [(try log.append([UInt8](text: text), meta: [1, 2], key: [3]), text)]
        case 2 where step % 20 == 2: return [(try log.appendDurably(text), text)]
        case 3: return [(try log.append([UInt8](text: text), expecting: log.lastAssignedLSN), text)]
        default: return [(try log.append(text), text)]
        }
    }

    @Test(
        "Eight threads append while others flush, sync, rotate, truncate, read and ask", .hangGuard,
        arguments: [BackPressure.block, .fail, .drop], [SyncPolicy.batch, .never, .interval(.milliseconds(1))])
    func everything(backPressure: BackPressure, sync: SyncPolicy) throws {
        var options = testOptions(SimulatedDisk().storage, sync: sync, segmentSize: 32 << 10)
        options.backPressure = backPressure
        options.queueBytes = 2048
        options.queueEvents = 64
        let recorder = Recorder()
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/everything", options: options)
        let accepted = Shared<[UInt64: String]>([:])
        let wrong = Shared<[String]>([])
        let appending = Shared(8)
        try onThreads(13) { thread in
            if thread < 8 {
                var mine: [(LSN, String)] = []
                for step in 0..<500 {
                    do {
                        mine += try Self.append(log, thread, step)
                    } catch {
                        let code = (error as? WalError)?.code
                        let isLegal =
                            code == .unexpectedLSN || code == .queueFull && backPressure == .fail
                            || code == .dropped && backPressure == .drop
                        if !isLegal { wrong.update { $0.append("\(error)") } }
                    }
                }
                accepted.update { all in for (lsn, text) in mine { all[lsn.rawValue] = text } }
                appending.update { $0 -= 1 }
                return
            }
            while appending.value > 0 {
                do { try Self.housekeeping(thread, log) } catch { wrong.update { $0.append("\(error)") } }
            }
        }
        #expect(wrong.value == [])
        try log.sync()
        let events = try log.events()
        #expect(log.lastLSN.rawValue == UInt64(accepted.value.count))
        #expect(events.allSatisfy { $0.payload == [UInt8](text: accepted.value[$0.lsn.rawValue] ?? "") })
        #expect(events.map(\.lsn.rawValue) == Array(log.firstLSN.rawValue...log.lastLSN.rawValue))
        try log.shutdown()
    }

    private static func housekeeping(_ role: Int, _ log: WriteAheadLog) throws {
        switch role {
        case 8:
            try log.flush()
            try log.sync()
        case 9:
            try log.waitDurable(log.lastAssignedLSN)
            try log.rotate()
        case 10:
            let keep = log.lastLSN.rawValue
            if keep > 400 { try log.truncate(before: LSN(keep - 400)) }
        case 11:
            _ = log.stats()
            _ = log.state
            _ = try log.segments()
        default:
            do {
                var last: UInt64 = 0
                try log.replay { event in
                    if last != 0, event.lsn.rawValue != last + 1 { return .stop }
                    last = event.lsn.rawValue
                    return .continue
                }
                var iterator = try log.iterator()
                while try iterator.nextOwned() != nil {}
            } catch let error as WalError where error.code == .truncated {}
        }
    }

    @Test(
        "Closing, shutting down and dropping the log under load", .hangGuard,
        arguments: ["close", "shutdown", "both"], 0..<6)
    func end(how: String, round: Int) throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, sync: round % 2 == 0 ? .batch : .never, segmentSize: 16 << 10)
        options.queueBytes = 1000
        let log = try WriteAheadLog.open(at: "/end", options: options)
        let legal: Set<WalError.Code> = [.closed, .discarded, .draining]
        let wrong = Shared<[String]>([])
        try onThreads(8) { thread in
            do {
                if thread < 2 {
                    waitUntil { log.lastLSN > 30 }
                    if how == "close" || how == "both" && thread == 0 { try log.close() } else { try log.shutdown() }
                    return
                }
                while true {
                    switch thread {
                    case 2, 3: try log.append([UInt8](repeating: 1, count: 90))
                    case 4: try log.appendDurably([2])
                    case 5: try log.flush()
                    case 6: try log.rotate()
                    default: _ = try log.events()
                    }
                }
            } catch {
                if let error = error as? WalError, legal.contains(error.code) { return }
                wrong.update { $0.append("thread \(thread): \(error)") }
            }
        }
        #expect(wrong.value == [])
        let durable = log.durableLSN
        let again = try WriteAheadLog.open(at: log.path, options: options)
        #expect(again.lastLSN >= durable)
        #expect(try again.verify().isIntact)
        try again.shutdown()
    }

    @Test("Tasks append, wait and are cancelled while threads do the same", .hangGuard)
    func tasks() async throws {
        var options = testOptions(SimulatedDisk().storage, sync: .never, segmentSize: 32 << 10)
        options.queueBytes = 1500
        let log = try await WriteAheadLog.open(at: "/tasks-and-threads", options: options)
        let failures = Shared<[String]>([])
        let thread = try SystemThread(name: "beside") {
            for _ in 0..<300 {
                if let code = code({ try log.appendDurably([7]) }) { failures.update { $0.append("\(code)") } }
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    for step in 0..<10 {
                        let code = await asyncCode {
                            switch (number + step) % 4 {
                            case 0: try await log.append([UInt8](repeating: 1, count: 200))
                            case 1: try await log.appendDurably([2])
                            case 2: try await log.flush()
                            default: try await log.sync()
                            }
                        }
                        if let code, code != .cancelled { failures.update { $0.append("\(code)") } }
                    }
                }
                if number % 8 == 7 {
                    let cancelled = Task {
                        while !Task.isCancelled { _ = await asyncCode { try await log.appendDurably([3]) } }
                    }
                    group.addTask {
                        await Task.yield()
                        cancelled.cancel()
                        await cancelled.value
                    }
                }
            }
        }
        thread.join()
        #expect(failures.value == [])
        try await log.shutdown()
        #expect(log.durableLSN == log.lastAssignedLSN)
    }

    @Test("Many threads meet a failing disk and all hear of it", .hangGuard, arguments: 0..<4)
    func failing(round: Int) throws {
        let gate = DiskGate()
        var options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never, segmentSize: 32 << 10)
        options.queueBytes = 1000
        let log = try WriteAheadLog.open(at: "/failing", options: options)
        let codes = Shared<[WalError.Code?]>([])
        let durable = Shared<LSN>(0)
        try onThreads(8) { thread in
            if thread == 0 {
                waitUntil { log.lastLSN > 40 }
                gate.fail(round % 2 == 0 ? .sync : .write, ErrorNumber.io)
                durable.value = log.durableLSN
                return
            }
            let code = code {
                while true {
                    switch thread {
                    case 1...3: try log.append([UInt8](repeating: 1, count: 100))
                    case 4: try log.flush()
                    case 5: try log.rotate()
                    case 6: try log.sync()
                    default: try log.appendDurably([2])
                    }
                }
            }
            codes.update { $0.append(code) }
        }
        #expect(codes.value.allSatisfy { $0 == .failed })
        #expect(codes.value.count == 7)
        #expect(log.state == .failed)
        #expect(code { try log.shutdown() } == .failed)
        #expect(log.state == .closed)
    }
}
