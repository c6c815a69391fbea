import ArgumentParser
import Wal

/// `walctl info`: what is there.
struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a log's positions, segments, quarantine and what recovery finds.",
        discussion: """
            Changes nothing, and reads only what opening the log reads; verify reads everything. Exits with 1 if opening \
            finds damage.

            EXAMPLES
              walctl info orders.wal
              walctl info orders.wal --json | jq .lastLSN
            """)

    @OptionGroup var log: LogArgument

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingErrors {
            // Damage must not keep people from looking: a read-only open with this mode only plans, and changes nothing.
            let log = try openForReading(log.log, recovery: .pointInTime)
            let facts = LogFacts(
                path: self.log.log, firstLSN: log.firstLSN, lastLSN: log.lastLSN, durableLSN: log.durableLSN,
                recovery: log.recovery, segments: try log.segments(), quarantine: try quarantinedFiles(of: self.log.log)
            )
            try log.close()
            try printOutput(json ? facts.json.text : facts.text)
            if facts.recovery.damage != nil { throw Exit.refused }
        }
    }
}

/// What `info` shows.
struct LogFacts {
    var path: String
    var firstLSN: LSN
    var lastLSN: LSN
    var durableLSN: LSN
    var recovery: RecoveryReport
    var segments: [SegmentInfo]
    var quarantine: [QuarantinedFile]

    private var eventCount: UInt64 { lastLSN < firstLSN ? 0 : lastLSN.rawValue - firstLSN.rawValue + 1 }

    var json: JSON {
        .object([
            ("path", .string(path)), ("firstLSN", .unsigned(firstLSN.rawValue)),
            ("lastLSN", .unsigned(lastLSN.rawValue)), ("durableLSN", .unsigned(durableLSN.rawValue)),
            ("eventCount", .unsigned(eventCount)), ("recovery", recovery.json),
            ("segments", .array(segments.map(Self.json))),
            (
                "quarantine",
                .array(quarantine.map { .object([("name", .string($0.name)), ("size", .unsigned($0.size))]) })
            ),
        ])
    }

    private static func json(_ segment: SegmentInfo) -> JSON {
        .object([
            ("firstLSN", .unsigned(segment.firstLSN.rawValue)), ("lastLSN", .unsigned(segment.lastLSN.rawValue)),
            ("sequence", .unsigned(segment.sequence)), ("state", .string(segment.state.rawValue)),
            ("path", .string(segment.path)), ("fileSize", .unsigned(segment.fileSize)),
            ("usedBytes", .unsigned(segment.usedBytes)),
        ])
    }

    var text: String {
        let events = eventCount == 0 ? "none; the next is LSN \(firstLSN)" : "\(eventCount), LSN \(firstLSN)…\(lastLSN)"
        let size = segments.reduce(0) { $0 + $1.fileSize }
        let used = segments.reduce(0) { $0 + $1.usedBytes }
        var lines = [
            "log         \(path)",
            "events      \(events), durable up to \(durableLSN)",
            "recovery    \(recovery.summary); epoch \(recovery.epoch), "
                + "\(counted(recovery.segmentsScanned, "segment")) scanned, \(naturalSize(recovery.bytesScanned))",
            "segments    \(segments.count), \(naturalSize(size)) on disk, \(naturalSize(used)) used",
            "quarantine  \(quarantine.isEmpty ? "empty" : counted(quarantine.count, "file"))",
        ]
        lines += quarantine.map { "            \($0.name)  \(naturalSize($0.size))" }
        if let damage = recovery.damage { lines.append("damage      \(damage)") }
        lines += ["", Self.row("base", "last", "size", "used", "state", "file")]
        lines += segments.map { segment in
            Self.row(
                String(segment.firstLSN.rawValue),
                segment.lastLSN < segment.firstLSN ? "-" : String(segment.lastLSN.rawValue),
                naturalSize(segment.fileSize), naturalSize(segment.usedBytes), segment.state.rawValue,
                FilePath(segment.path).lastComponent?.string ?? segment.path)
        }
        return lines.joined(separator: "\n")
    }

    private static func row(
        _ base: String, _ last: String, _ size: String, _ used: String, _ state: String, _ file: String
    ) -> String {
        padded(base, 12) + padded(last, 13) + padded(size, 11) + padded(used, 11) + "  "
            + state + String(repeating: " ", count: max(0, 8 - state.count)) + file
    }
}
