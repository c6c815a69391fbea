import Glibc
import Wal

/// Appends as generation after generation, and reports it.
struct PlainWriter {
    let path: String
    var shape: LogShape
    private let reports: Bool
    private var generation: UInt64 = 0

    /// - Parameter reports: whether this is a process that was started to report.
    init(path: String, shape: LogShape, reports: Bool) {
        self.path = path
        self.shape = shape
        self.reports = reports
    }

    mutating func append(events: UInt64) throws {
        generation += 1
        let log = try WriteAheadLog.open(at: path, options: shape.options)
        defer { try? log.close() }
        report(Mark(.began, generation: generation, log.lastLSN.rawValue + 1, log.firstLSN.rawValue))
        for _ in 0..<events {
            let lsn = log.lastAssignedLSN.rawValue + 1
            report(Mark(.submitting, lsn))
            let payload = Payload(generation: generation, lsn: lsn, place: .init(), sizes: shape.sizes)
            // Every so many the caller's own thread does the writing.
            if lsn % 64 == 0 {
                try log.appendDurably(payload.bytes, meta: payload.meta)
                report(Mark(.durable, generation: generation, lsn))
            } else {
                try log.append(payload.bytes, meta: payload.meta)
            }
        }
        try log.sync()
        report(Mark(.durable, generation: generation, log.lastLSN.rawValue))
    }

    /// Many readers at once, each with a segment of its own.
    func readAll() throws {
        let log = try WriteAheadLog.open(at: path, options: shape.options)
        defer { try? log.close() }
        for _ in 0..<3 {
            var expected = log.firstLSN.rawValue
            try log.replay { event in
                guard event.lsn.rawValue == expected else { throw Violation.wrong("LSN \(event.lsn) for \(expected)") }
                expected += 1
                return .continue
            }
        }
    }

    private func report(_ mark: Mark) {
        guard reports else { return }
        let bytes = mark.bytes
        if bytes.withUnsafeBytes({ write(3, $0.baseAddress, $0.count) }) != bytes.count { _exit(5) }
    }
}
