import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("A consumer can go on behind damage")
struct BehindDamageTests {
    @Test(
        "It hears which events are lost, saves its checkpoint behind them and goes on", .hangGuard, arguments: [30, 90])
    func goesOn(_ offset: Int) throws {
        let disk = SimulatedDisk()
        func open() throws -> WriteAheadLog {
            try WriteAheadLog.open(at: "/log", options: testOptions(disk.storage, sync: .batch, segmentSize: 16 << 10))
        }
        let first = try open()
        for number in UInt8(1)...25 {
            if number == 21 { try first.rotate() }
            try first.appendDurably([UInt8](repeating: number, count: 60))
        }
        try first.shutdown()
        // The second frame, of 128 bytes: its header, or its body.
        #expect(disk.corrupt("/log/00000000000000000001.seg", at: Layout.blockSize + 128 + offset, xor: 1))
        let log = try open()
        var seen: [UInt64] = []
        func consume() throws {
            _ = try log.consume("mailer") { event in
                seen.append(event.lsn.rawValue)
                return event.lsn == 25 ? .stop : .continue
            }
        }
        #expect(code { try consume() } == .corrupted)
        #expect(seen == [1])
        let processed = try log.checkpoint("mailer").position.lsn.rawValue
        #expect(processed <= 1)
        let next = try log.firstReadableLSN(from: 2)
        #expect(next == 3)
        try log.saveCheckpoint("mailer", at: LSN(next.rawValue - 1))
        try consume()
        #expect(seen == [1] + Array(next.rawValue...25))
        // And what is damaged can go.
        for lsn in [3, 15, 21] as [UInt64] {
            try log.truncate(before: LSN(lsn))
            #expect(log.firstLSN == LSN(lsn))
        }
        try log.shutdown()
    }
}
