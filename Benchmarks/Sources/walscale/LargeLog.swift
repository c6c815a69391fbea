import Foundation
import Wal

/// A log much larger than what it may use of memory: appended to, replayed, retained.
struct LargeLog {
    private static let batch = 512
    private static let payloadSize = 1000
    /// What the program may have of its own, beyond what it had before: the queue's bound and some buffers.
    private static let memoryBound = 48 << 20
    private let arguments: Arguments

    init(_ arguments: Arguments) {
        self.arguments = arguments
    }

    func run() throws {
        let folder = try LogFolder(in: arguments.directory, "large")
        var options = WriteAheadLog.Options()
        options.sync = .interval(.milliseconds(200))
        let before = Memory.anonymous
        let log = try WriteAheadLog.open(at: folder.path, options: options)
        let events = UInt64(arguments.gib) << 30 / UInt64(Self.payloadSize)
        var peak = Peak()

        let (_, writing) = try timed { try append(events, to: log, &peak) }
        try report("appended", events, writing, peak, before)
        try check(log.lastLSN.rawValue == events, "LSN \(log.lastLSN) is the newest, not \(events)")

        peak = Peak()
        let (_, reading) = try timed { try replay(log, events, &peak) }
        try report("replayed", events, reading, peak, before)

        peak = Peak()
        var policy = Retention()
        policy.maxBytes = UInt64(arguments.gib) << 30 / 4
        let (_, retaining) = try timed { try log.applyRetention(policy) }
        peak.look()
        let left = try log.segments().reduce(UInt64(0)) { $0 + $1.fileSize }
        try check(left <= (policy.maxBytes ?? 0) + 2 * UInt64(options.segmentSize), "\(left) bytes are left")
        print("retained   \(fixed(Double(left) / 1_073_741_824, 2)) GiB in \(fixed(retaining)) ms; \(peak.text)")
        try log.shutdown()
        let (again, opening) = try timed { try WriteAheadLog.open(at: folder.path, options: options) }
        print("opened     in \(fixed(opening, 2)) ms, LSN \(again.firstLSN)…\(again.lastLSN)")
        try again.shutdown()
    }

    private func report(_ what: String, _ events: UInt64, _ milliseconds: Double, _ peak: Peak, _ before: Int) throws {
        let gibibytes = Double(events) * Double(Self.payloadSize) / 1_073_741_824
        print(
            "\(what)   \(events) events, \(fixed(gibibytes, 2)) GiB in \(fixed(milliseconds / 1000)) s, "
                + "\(fixed(gibibytes * 1000 / milliseconds, 2)) GiB/s; \(peak.text)")
        try check(
            peak.anonymous - before <= Self.memoryBound,
            "the program took \((peak.anonymous - before) >> 20) MiB of its own while it \(what)")
    }

    /// Every event begins with its LSN, so that the replay can tell each.
    private func append(_ events: UInt64, to log: WriteAheadLog, _ peak: inout Peak) throws {
        var payload = [UInt8](repeating: 0, count: Self.payloadSize)
        for index in payload.indices { payload[index] = UInt8(truncatingIfNeeded: index &* 131 &+ index >> 3) }
        var next: UInt64 = 1
        while next <= events {
            var batch = EventBatch(capacity: Self.batch * (Self.payloadSize + 16))
            for _ in 0..<min(UInt64(Self.batch), events - next + 1) {
                payload.withUnsafeMutableBytes { $0.storeBytes(of: next, as: UInt64.self) }
                try batch.append(payload)
                next += 1
            }
            try log.append(batch)
            if next & 0x3fff < UInt64(Self.batch) { peak.look() }
        }
        try log.sync()
        peak.look()
    }

    private func replay(_ log: WriteAheadLog, _ events: UInt64, _ peak: inout Peak) throws {
        var next: UInt64 = 1
        try log.replay { event in
            let number = event.payload.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
            try check(event.lsn.rawValue == next && number == next, "LSN \(event.lsn) holds event \(number)")
            next += 1
            if next & 0xffff == 0 { peak.look() }
            return .continue
        }
        try check(next == events + 1, "replay ended before LSN \(next)")
    }
}
