import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("Promise 1: the order in the file is the LSN order, dense")
struct Promise01OrderTests {
    @Test(
        "Eight threads append singles, batches and events with meta; what each was told is what the file holds",
        .hangGuard, arguments: [BackPressure.block, .fail, .drop], [SyncPolicy.batch, .never])
    func eightThreads(backPressure: BackPressure, sync: SyncPolicy) throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, sync: sync, segmentSize: 256 << 10)
        options.backPressure = backPressure
        options.queueBytes = 4096
        options.queueEvents = 100
        let log = try WriteAheadLog.open(at: "/order-\(backPressure)-\(sync)", options: options)
        let accepted = Shared<[(lsn: LSN, text: String)]>([])
        let unexpected = Shared<[String]>([])
        try onThreads(8) { thread in
            var mine: [(LSN, String)] = []
            for step in 0..<2000 {
                let text = "\(thread)/\(step)"
                do throws(WalError) {
                    switch step % 5 {
                    case 0:
                        var batch = EventBatch()
                        for part in 0..<3 { try batch.append([UInt8](text: "\(text)/\(part)")) }
                        let last = try log.append(batch)
                        for part in 0..<3 {
                            mine.append((LSN(last.rawValue - 2 + UInt64(part)), "\(text)/\(part)"))
                        }
                    case 1: mine.append((try log.append([UInt8](text: text), meta: [1, 2, 3]), text))
                    case 2 where step % 50 == 2: mine.append((try log.appendDurably(text), text))
                    default: mine.append((try log.append(text), text))
                    }
                } catch {
                    let isLegal =
                        switch backPressure {
                        case .block: false
                        case .fail: error.code == .queueFull
                        case .drop: error.code == .dropped
                        }
                    if !isLegal { unexpected.update { $0.append("\(error)") } }
                }
            }
            accepted.update { $0 += mine }
        }
        #expect(unexpected.value.isEmpty)
        try log.flush()
        let events = try log.events()
        let expected = accepted.value.sorted { $0.lsn < $1.lsn }
        #expect(events.map(\.lsn) == (1...UInt64(events.count)).map { LSN($0) })
        #expect(events.map(\.lsn) == expected.map(\.lsn))
        #expect(events.map(\.payload) == expected.map { [UInt8](text: $0.text) })
        #expect(log.lastAssignedLSN == LSN(UInt64(events.count)))
        if backPressure == .block { #expect(events.count == 8 * 2000 / 5 * 7) }
        try log.shutdown()
    }

    @Test("Of many threads that expect the same newest LSN, one alone appends", .hangGuard)
    func expecting() throws {
        let log = try WriteAheadLog.open(at: "/expecting", options: testOptions(SimulatedDisk().storage, sync: .never))
        let wins = Shared(0)
        let wrong = Shared(0)
        try onThreads(4) { _ in
            for _ in 0..<500 {
                let newest = log.lastAssignedLSN
                do throws(WalError) {
                    let lsn = try log.append([7], expecting: newest)
                    if lsn.rawValue != newest.rawValue + 1 { wrong.update { $0 += 1 } }
                    wins.update { $0 += 1 }
                } catch {
                    if error.code != .unexpectedLSN || (error.lsns?.lowerBound ?? 0) <= newest {
                        wrong.update { $0 += 1 }
                    }
                }
            }
        }
        #expect(wrong.value == 0)
        #expect(log.lastAssignedLSN.rawValue == UInt64(wins.value))
        try log.shutdown()
    }
}
