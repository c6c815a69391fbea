import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// Run under the thread sanitizer too.
@Suite("Concurrency: truncate(after:) beside everything else")
struct TruncateAfterConcurrencyTests {
    @Test(
        "Appends, durable waits and readers beside cuts", .hangGuard,
        arguments: [SyncPolicy.batch, .never])
    func besideCuts(sync: SyncPolicy) throws {
        var options = testOptions(SimulatedDisk().storage, sync: sync, segmentSize: 16 << 10)
        options.queueEvents = 64
        let log = try WriteAheadLog.open(at: "/cuts", options: options)
        let wrong = Shared<[String]>([])
        let going = Shared(5)
        /// Number of the cut that has begun.
        let cuts = Shared<UInt64>(0)
        try onThreads(9) { thread in
            switch thread {
            case 0..<5:
                // Whoever is slow to start, cuts come before and among the appends.
                for step in 0..<400 {
                    if step % 200 == 100 {
                        let begun = cuts.value
                        waitUntil { cuts.value > begun + 1 }
                    }
                    do throws(WalError) {
                        let bytes = [UInt8](text: "\(thread)/\(step)")
                        switch step % 4 {
                        case 0: _ = try log.appendDurably(bytes)
                        case 1: try log.waitDurable(try log.append(bytes))
                        case 2:
                            _ = try log.append(bytes)
                            try log.sync()
                        default: _ = try log.append(bytes)
                        }
                    } catch {
                        // A wait for an event that was cut off between the two calls finds no such LSN.
                        let isLegal = error.code == .truncated || error.code == .notYetWritten && step % 4 == 1
                        if !isLegal { wrong.update { $0.append("append: \(error)") } }
                    }
                }
                going.update { $0 -= 1 }
            case 5:
                var random = SeededGenerator(seed: 5)
                while going.value > 0 {
                    // In this order: the first moves up meanwhile, never above what follows the last.
                    let first = log.firstLSN.rawValue
                    let last = log.lastAssignedLSN.rawValue
                    let lsn = last - min(last + 1 - first, random.next() % 40)
                    cuts.update { $0 += 1 }
                    do throws(WalError) {
                        try log.truncate(after: LSN(lsn))
                    } catch {
                        // The first may have moved since.
                        if error.code != .truncated { wrong.update { $0.append("cut after \(lsn): \(error)") } }
                    }
                    SystemClock.sleep(nanoseconds: 300_000)
                }
            case 6:
                while going.value > 0 {
                    var next: UInt64 = 0
                    do {
                        try log.replay { event in
                            if next != 0, event.lsn.rawValue != next { wrong.update { $0.append("a gap at \(next)") } }
                            next = event.lsn.rawValue + 1
                            return .continue
                        }
                    } catch WalError.Code.stalePosition {
                    } catch WalError.Code.truncated {
                    } catch {
                        wrong.update { $0.append("replay: \(error)") }
                    }
                }
            case 7:
                while going.value > 0 {
                    do throws(WalError) {
                        let position = try log.lastPosition()
                        var events = try log.iterator(after: position)
                        _ = try events.next()
                        _ = log.stats()
                    } catch {
                        let isLegal = [.stalePosition, .truncated, .notYetWritten].contains(error.code)
                        if !isLegal { wrong.update { $0.append("position: \(error)") } }
                    }
                }
            default:
                while going.value > 0 {
                    do throws(WalError) {
                        _ = try log.rotate()
                        try log.truncate(before: LSN(log.firstLSN.rawValue + (log.lastLSN > log.firstLSN ? 1 : 0)))
                        if !(try log.verify().isIntact) { wrong.update { $0.append("verify found damage") } }
                    } catch {
                        // The new first event was cut off, before it was looked for or while it was waited for.
                        let isLegal = error.code == .notYetWritten || error.code == .truncated
                        if !isLegal { wrong.update { $0.append("housekeeping: \(error)") } }
                    }
                }
            }
        }
        #expect(wrong.value.isEmpty, "\(wrong.value.prefix(5))")
        #expect(cuts.value > 2)
        #expect(try log.verify().isIntact)
        let stats = log.stats()
        #expect(stats.appendedEvents == 2000)
        try log.shutdown()
        let again = try WriteAheadLog.open(at: "/cuts", options: options)
        #expect(again.lastLSN == stats.lastAssignedLSN && again.firstLSN == stats.firstLSN)
        try again.shutdown()
    }

    @Test("Closing beside cuts ends both", .hangGuard)
    func besideClose() throws {
        for round in 0..<20 {
            let log = try WriteAheadLog.open(
                at: "/closing", options: testOptions(SimulatedDisk().storage, segmentSize: 16 << 10))
            for _ in 0..<50 { try log.append([UInt8](repeating: 1, count: 100)) }
            let codes = Shared<[WalError.Code?]>([])
            try onThreads(3) { thread in
                if thread == 0 {
                    _ = round % 2 == 0 ? code { try log.close() } : code { try log.shutdown() }
                } else {
                    let code = code { try log.truncate(after: LSN(UInt64(10 * thread))) }
                    codes.update { $0.append(code) }
                }
            }
            let legal: [WalError.Code?] = [nil, .closed, .draining, .notYetWritten]
            #expect(codes.value.allSatisfy { legal.contains($0) }, "\(codes.value)")
        }
    }
}
