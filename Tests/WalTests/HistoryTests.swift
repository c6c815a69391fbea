import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("Random histories of calls, closes and crashes agree with a list in memory")
struct HistoryTests {
    /// One log on a simulated disk, beside what it must hold.
    private struct History {
        var random: SeededGenerator
        var disk = SimulatedDisk()
        var options: WriteAheadLog.Options
        var log: WriteAheadLog
        /// Accepted payloads; the first has LSN 1.
        var accepted: [[UInt8]] = []
        var first: UInt64 = 1
        /// Newest LSN known to be durable, and to be in the file.
        var durable: UInt64 = 0
        var written: UInt64 = 0
        /// The next event that a follower must get.
        var next: UInt64 = 1
        /// Ends of batches by the LSN of their first event, none of which may survive in part.
        var batches: [UInt64: UInt64] = [:]

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            let policies: [SyncPolicy] = [.never, .batch, .bytes(2000), .interval(.milliseconds(1))]
            let preallocations: [Preallocation] = [.growing, .allocated, .prewritten]
            options = testOptions(disk.storage, sync: policies[Int(random.next() % 4)], segmentSize: 16 << 10)
            options.preallocation = preallocations[Int(random.next() % 3)]
            options.indexSpacing = 4 << 10
            log = try WriteAheadLog.open(at: "/history", options: options)
        }

        mutating func below(_ bound: UInt64) -> UInt64 { random.next() % bound }

        mutating func payload() -> [UInt8] {
            let length = below(20) == 0 ? below(5000) : below(200)
            let fill = UInt8(below(256))
            return [UInt8](repeating: fill, count: Int(length))
        }

        mutating func step() throws {
            switch below(44) {
            case 0..<12: try append()
            case 12..<17: try appendBatch()
            case 17..<20: try appendExpecting()
            case 20..<22: try appendDurably()
            case 22..<25:
                try log.flush()
                written = UInt64(accepted.count)
                #expect(log.lastLSN.rawValue == written)
            case 25..<27:
                try log.sync()
                (written, durable) = (UInt64(accepted.count), UInt64(accepted.count))
                #expect(log.durableLSN.rawValue == durable)
            case 27..<29: try waitDurable()
            case 29..<31: try log.rotate()
            case 31..<33: try truncate()
            case 33: try check()
            case 34: try cut()
            case 40..<44: try follow()
            case 35: try reopen { try $0.shutdown() }
            case 36: try reopen { try Self.discard($0) }
            default: try crash()
            }
        }

        mutating func append() throws {
            let payload = payload()
            let lsn = try log.append(payload)
            accepted.append(payload)
            #expect(lsn.rawValue == UInt64(accepted.count))
        }

        mutating func appendBatch() throws {
            var batch = EventBatch()
            let first = UInt64(accepted.count) + 1
            for _ in 0..<1 + below(8) {
                let payload = payload()
                // No more than a segment holds.
                guard batch.byteCount + payload.count < 8000 else { break }
                try batch.append(payload)
                accepted.append(payload)
            }
            guard batch.count > 0 else { return }
            let last = try log.append(batch).rawValue
            #expect(last == UInt64(accepted.count))
            batches[first] = last
        }

        mutating func appendExpecting() throws {
            let payload = payload()
            let newest = UInt64(accepted.count)
            if below(2) == 0 {
                try log.append(payload, expecting: LSN(newest))
                accepted.append(payload)
            } else {
                let wrong = LSN(newest + 1 + below(3))
                let log = self.log
                #expect(code { try log.append(payload, expecting: wrong) } == .unexpectedLSN)
            }
            #expect(log.lastAssignedLSN.rawValue == UInt64(accepted.count))
        }

        mutating func appendDurably() throws {
            let payload = payload()
            let lsn = try log.appendDurably(payload)
            accepted.append(payload)
            #expect(lsn.rawValue == UInt64(accepted.count))
            (written, durable) = (lsn.rawValue, lsn.rawValue)
        }

        mutating func waitDurable() throws {
            let lsn = below(UInt64(accepted.count) + 1)
            try log.waitDurable(LSN(lsn))
            #expect(log.durableLSN.rawValue >= lsn)
            durable = max(durable, lsn)
            written = max(written, lsn)
        }

        mutating func truncate() throws {
            let keep = first + below(UInt64(accepted.count) + 2 - first)
            try log.truncate(before: LSN(keep))
            first = max(first, keep)
            written = max(written, keep - 1)
            durable = max(durable, keep - 1)
            #expect(log.firstLSN.rawValue == first)
        }

        /// Cuts anywhere, also through a batch and through what is queued.
        mutating func cut() throws {
            let last = first - 1 + below(UInt64(accepted.count) + 2 - first)
            try log.truncate(after: LSN(last))
            accepted.removeLast(accepted.count - Int(last))
            batches = batches.filter { $0.value <= last }
            (written, durable) = (last, last)
            next = min(next, last + 1)
            #expect(log.lastLSN.rawValue == last && log.lastAssignedLSN.rawValue == last)
        }

        /// What the log gives out, from a random place on, is what it was given.
        mutating func check() throws {
            let last = log.lastLSN.rawValue
            #expect(last <= UInt64(accepted.count) && last >= written)
            guard last >= first else { return }
            let from = first + below(last - first + 1)
            let events = try log.events(from: LSN(from))
            #expect(UInt64(events.count) >= last - from + 1)
            for (index, event) in events.enumerated() {
                let lsn = from + UInt64(index)
                guard event.lsn.rawValue == lsn, event.payload == accepted[Int(lsn) - 1] else {
                    Issue.record("event \(event.lsn) is not what was appended as \(lsn)")
                    return
                }
            }
        }

        /// A follower that starts where the last one ended gets the same events as everybody, durable ones only.
        mutating func follow() throws {
            next = min(max(next, first), log.lastAssignedLSN.rawValue + 1)
            let delivery: Delivery = below(2) == 0 ? .durable : .written
            var follower = try log.follow(from: LSN(next), delivering: delivery)
            if below(2) == 0 { try log.sync() }
            let due = delivery == .durable ? log.durableLSN.rawValue : log.lastLSN.rawValue
            if below(3) == 0 { try log.rotate() }
            while next <= due {
                guard let event = try follower.nextOwned(timeout: .seconds(600)) else { break }
                guard event.lsn.rawValue == next, event.payload == accepted[Int(next) - 1] else {
                    Issue.record("the follower got \(event.lsn) in place of \(next)")
                    return
                }
                next += 1
            }
            #expect(next == max(due + 1, next))
            durable = max(durable, delivery == .durable ? due : 0)
        }

        mutating func reopen(_ end: (WriteAheadLog) throws -> Void) throws {
            let before = log.lastAssignedLSN.rawValue
            try end(log)
            if log.durableLSN.rawValue == before { (written, durable) = (before, before) }
            written = max(written, log.lastLSN.rawValue)
            durable = max(durable, log.durableLSN.rawValue)
            try comeBack()
        }

        /// Closes a log. That events not yet written are gone is what was asked for.
        private static func discard(_ log: WriteAheadLog) throws {
            do throws(WalError) { try log.close() } catch  where error.code == .discarded {}
        }

        mutating func crash() throws {
            durable = max(durable, log.durableLSN.rawValue)
            let choices: [CrashChoice] = [.keepNone, .keepAll, .random]
            let after = disk.crash(choices[Int(below(3))], seed: random.next())
            try Self.discard(log)
            disk = after
            options.storage = disk.storage
            // Written is not durable: only that counts now.
            written = durable
            try comeBack()
        }

        /// Opens again: what was promised is there, nothing else, and no batch in part.
        mutating func comeBack() throws {
            log = try WriteAheadLog.open(at: "/history", options: options)
            #expect(log.recovery.damage == nil)
            let last = log.lastLSN.rawValue
            #expect(last >= written && last <= UInt64(accepted.count))
            #expect(log.firstLSN.rawValue == first)
            for (from, through) in batches where from <= last && last < through {
                Issue.record("of the batch \(from) to \(through) a part survived, up to \(last)")
            }
            accepted.removeLast(accepted.count - Int(min(last, UInt64(accepted.count))))
            batches = batches.filter { $0.value <= last }
            written = last
            next = min(next, last + 1)
            try check()
        }
    }

    @Test("Whatever the order of calls and ends", .hangGuard, arguments: 0..<40)
    func histories(run: UInt64) throws {
        let seed = testSeed() &+ run
        var history = try History(seed: seed)
        for step in 0..<150 {
            do {
                try history.step()
            } catch {
                Issue.record("seed \(seed), step \(step): \(error)")
                return
            }
        }
        try history.check()
        try history.log.shutdown()
        #expect(history.log.durableLSN.rawValue == UInt64(history.accepted.count))
    }
}
