import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Any number of followers beside appends, rolls, truncation and every end")
struct FollowConcurrencyTests {
    /// What a follower has seen, and how that ended.
    private struct Seen: Sendable {
        var last: UInt64
        var isInOrder = true
        var end: WalError.Code?

        mutating func take(_ lsn: UInt64, _ payload: borrowing RawSpan) {
            let isRight =
                lsn == last + 1 && payload.byteCount >= 8
                && payload.unsafeLoadUnaligned(as: UInt64.self) == lsn
            if !isRight { isInOrder = false }
            last = lsn
        }
    }

    private static func payload(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number) { Array($0) } + [UInt8](repeating: 1, count: Int(number % 200))
    }

    private static func follow(_ log: WriteAheadLog, from start: UInt64, _ delivery: Delivery, pause: Int64) -> Seen {
        var seen = Seen(last: start - 1)
        do {
            try log.follow(from: LSN(start), delivering: delivery) { event in
                seen.take(event.lsn.rawValue, event.payload)
                if pause > 0, event.lsn.rawValue % 64 == 0 { SystemClock.sleep(nanoseconds: pause) }
                return .continue
            }
        } catch {
            seen.end = (error as? WalError)?.code
        }
        return seen
    }

    private static func collect(_ log: WriteAheadLog, from start: UInt64, _ delivery: Delivery) async -> Seen {
        var seen = Seen(last: start - 1)
        do {
            for try await event in log.events(from: LSN(start), delivering: delivery) {
                event.payload.withUnsafeBytes { seen.take(event.lsn.rawValue, RawSpan(_unsafeBytes: $0)) }
            }
        } catch {
            seen.end = error.code
        }
        return seen
    }

    private enum End: CaseIterable { case shutdown, close, failure }

    @Test("All see everything in order up to the end they are due", .hangGuard, arguments: 0..<6)
    func everybody(run: Int) async throws {
        let end = End.allCases[run % 3]
        let policy: SyncPolicy = run % 2 == 0 ? .batch : .interval(.milliseconds(1))
        let disk = SimulatedDisk()
        let gate = DiskGate()
        let log = try await WriteAheadLog.open(
            at: "/all", options: testOptions(gate.guarding(disk.backend), sync: policy, segmentSize: 16 << 10))
        let events: UInt64 = 3000
        let results = Shared<[Seen]>([])
        let tasks = (0..<4).map { number in
            Task { await Self.collect(log, from: 1, number % 2 == 0 ? .durable : .written) }
        }
        let canceled = Task { await Self.collect(log, from: 1, .written) }
        try await onThreads(6) { thread in
            guard thread > 0 else {
                for number in 1...events {
                    _ = try? log.append(Self.payload(number))
                    if number % 700 == 0 { _ = try? log.rotate() }
                    if number == events / 2 { canceled.cancel() }
                }
                switch end {
                case .shutdown: try? log.shutdown()
                case .close: try? log.close()
                case .failure:
                    _ = try? log.sync()
                    gate.fail(.sync, ErrorNumber.io)
                    _ = try? log.appendDurably([1])
                }
                return
            }
            let seen = Self.follow(
                log, from: 1, thread % 2 == 0 ? .durable : .written, pause: thread == 5 ? 500_000 : 0)
            results.update { $0.append(seen) }
        }
        for task in tasks {
            let seen = await task.value
            results.update { $0.append(seen) }
        }
        #expect(await canceled.value.isInOrder)
        #expect(results.value.count == 9)
        for seen in results.value {
            switch end {
            case .shutdown: #expect(seen.isInOrder && seen.last == events && seen.end == nil)
            case .close: #expect(seen.isInOrder && seen.last <= events && seen.end == .closed)
            case .failure:
                // The event that was never durable is of another form, and only those that take what is written see it.
                #expect(seen.last == events && seen.isInOrder || seen.last == events + 1)
                #expect(seen.end == .failed)
            }
        }
        do throws(WalError) { try await log.close() } catch {
            #expect(end == .close && error.code == .discarded)
        }
        #expect(log.stats().followers == 0)
        #expect(disk.openHandles == 0)
    }

    @Test("Beside truncation a follower that is too slow is told so, and has no gap before", .hangGuard)
    func truncation() throws {
        let disk = SimulatedDisk()
        let log = try WriteAheadLog.open(
            at: "/cut", options: testOptions(disk.storage, sync: .never, segmentSize: 16 << 10))
        let seen = Shared<[Seen]>([])
        try onThreads(5) { thread in
            if thread == 0 {
                for number in 1...6000 as ClosedRange<UInt64> {
                    _ = try? log.append(Self.payload(number))
                    if number % 200 == 0 {
                        _ = try? log.flush()
                        _ = try? log.truncate(before: LSN(number - 150))
                    }
                }
                try? log.shutdown()
                return
            }
            // Starts anew behind what it has missed, until the log ends.
            var next: UInt64 = 1
            while true {
                let result = Self.follow(log, from: next, .written, pause: thread > 2 ? 300_000 : 0)
                seen.update { $0.append(result) }
                guard result.end == .truncated else { return }
                next = max(log.firstLSN.rawValue, result.last + 1)
            }
        }
        #expect(seen.value.allSatisfy { $0.isInOrder })
        #expect(seen.value.filter { $0.end == nil }.count == 4)
        #expect(seen.value.filter { $0.end == nil }.allSatisfy { $0.last == 6000 })
        #expect(disk.openHandles == 0)
    }

    @Test("Waiting, timing out and cancelling at random moments loses nobody's wake", .hangGuard)
    func wakes() throws {
        let log = try WriteAheadLog.open(at: "/wakes", options: testOptions(SimulatedDisk().storage))
        let events: UInt64 = 400
        try onThreads(5) { thread in
            guard thread > 0 else {
                // One at a time, each waited for by all: a lost wake would hang here.
                for number in 1...events { _ = try? log.appendDurably(Self.payload(number)) }
                try? log.shutdown()
                return
            }
            guard var follower = try? log.follow(delivering: thread % 2 == 0 ? .written : .durable) else { return }
            var last: UInt64 = 0
            while true {
                do {
                    let timeout: Duration? = thread < 3 ? nil : .microseconds(Int(last % 5) * 20)
                    guard let event = try follower.next(timeout: timeout) else { break }
                    if event.lsn.rawValue != last + 1 { Issue.record("a gap") }
                    last = event.lsn.rawValue
                } catch {
                    if (error as? WalError)?.code != .timedOut {
                        Issue.record("\(error)")
                        break
                    }
                }
            }
            #expect(last == events)
        }
    }

    @Test("Calls on borrowed threads come from many tasks at once", .hangGuard)
    func pool() async throws {
        let log = try await WriteAheadLog.open(
            at: "/pool", options: testOptions(SimulatedDisk().storage, segmentSize: 16 << 10))
        for number in 1...500 as ClosedRange<UInt64> { try await log.append(Self.payload(number)) }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<64 {
                group.addTask {
                    do {
                        switch number % 4 {
                        case 0: #expect(try await log.verify().isIntact)
                        case 1: #expect(try await !log.segments().isEmpty)
                        case 2: try await log.rotate()
                        default:
                            var count = 0
                            try await log.flush()
                            for try await _ in log.events(through: 500) { count += 1 }
                            #expect(count == 500)
                        }
                    } catch {
                        Issue.record("\(error)")
                    }
                }
            }
        }
        try await log.shutdown()
    }
}
