import ArgumentParser
import Wal
import WalPlatform

/// `walctl info`: what is there.
struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a log's positions, segments, checkpoints, quarantine and what recovery finds.",
        discussion: """
            Changes nothing. Reads what opening the log reads, and the ends of the sealed segments; verify reads everything. \
            Exits with 1 if opening finds damage.

            Of each segment: its first and last LSN, the size of its file, the bytes of it that are used, how many times smaller compression made it, its state, and the times of its oldest and newest \
            event.

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
            let log = try openForReading(log.path, acrossDamage: true)
            let checkpoints = try log.checkpoints()
            let standings = try standings(of: checkpoints, in: log)
            let facts = LogFacts(
                path: RawArguments.text(self.log.log), firstLSN: log.firstLSN, lastLSN: log.lastLSN,
                durableLSN: log.durableLSN,
                recovery: log.recovery, segments: try log.segments(), checkpoints: checkpoints, standings: standings,
                quarantine: try quarantinedFiles(of: self.log.path))
            try log.close()
            try printOutput(json ? facts.json.text : facts.text)
            if facts.recovery.damage != nil { throw Exit.damage }
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
    var checkpoints: [CheckpointInfo]
    var standings: [Standing?]
    var quarantine: [QuarantinedFile]

    private var eventCount: UInt64 { lastLSN < firstLSN ? 0 : lastLSN.rawValue - firstLSN.rawValue + 1 }

    var json: JSON {
        .object([
            ("path", .string(path)), ("firstLSN", .unsigned(firstLSN.rawValue)),
            ("lastLSN", .unsigned(lastLSN.rawValue)), ("durableLSN", .unsigned(durableLSN.rawValue)),
            ("eventCount", .unsigned(eventCount)), ("recovery", recovery.json),
            ("compressionRatio", .number(ratio)), ("segments", .array(segments.map(Self.json))),
            ("checkpoints", .array(zip(checkpoints, standings).map { $0.json($1) })),
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
            ("usedBytes", .unsigned(segment.usedBytes)), ("compressed", .bool(segment.isCompressed)),
            ("rawBytes", .unsigned(segment.rawBytes)),
            ("oldestEvent", segment.eventTimes.map { .string(timestamp($0.lowerBound)) } ?? .null),
            ("newestEvent", segment.eventTimes.map { .string(timestamp($0.upperBound)) } ?? .null),
            ("newestFrame", segment.newestFrameTime.map { .string(timestamp($0)) } ?? .null),
        ])
    }

    private var compressed: [SegmentInfo] { segments.filter(\.isCompressed) }

    /// How many times smaller the compressed segments are than the raw ones they were; 1 if there is none.
    private var ratio: Double {
        let file = compressed.reduce(UInt64(0)) { $0.addingClamped($1.fileSize) }
        return file == 0 ? 1 : Double(compressed.reduce(UInt64(0)) { $0.addingClamped($1.rawBytes) }) / Double(file)
    }

    var text: String {
        let events = eventCount == 0 ? "none; the next is LSN \(firstLSN)" : "\(eventCount), LSN \(firstLSN)…\(lastLSN)"
        let size = segments.reduce(UInt64(0)) { $0.addingClamped($1.fileSize) }
        let used = segments.reduce(UInt64(0)) { $0.addingClamped($1.usedBytes) }
        var lines = [
            "log         \(printable(path))",
            "events      \(events), durable up to \(durableLSN)",
            "recovery    \(recovery.summary); epoch \(recovery.epoch), "
                + "\(counted(recovery.segmentsScanned, "segment")) scanned, \(naturalSize(recovery.bytesScanned))",
            "segments    \(segments.count), \(naturalSize(size)) on disk, \(naturalSize(used)) used",
            "compressed  "
                + (compressed.isEmpty
                    ? "none"
                    : "\(counted(compressed.count, "segment")), \(decimals(ratio, 2)) times smaller"),
            "checkpoints \(checkpoints.isEmpty ? "none" : String(checkpoints.count))",
            "quarantine  "
                + (quarantine.isEmpty
                    ? "empty"
                    : "\(counted(quarantine.count, "file")), \(naturalSize(quarantine.reduce(0) { $0 + $1.size }))"),
        ]
        lines += quarantine.map { "            \(printable($0.name))  \(naturalSize($0.size))" }
        if let damage = recovery.damage { lines.append("damage      \(damage)") }
        lines += recovery.lost.map { "lost        \(lsnRange($0))" }
        lines += recovery.contradictions.map { "note        \($0)" }
        if !checkpoints.isEmpty { lines += [""] + checkpointTable(checkpoints, standings) }
        lines += [
            "", Self.row("base", "last", "size", "used", "ratio", "state", "oldest event", "newest event", "file"),
        ]
        lines += segments.map { segment in
            Self.row(
                String(segment.firstLSN.rawValue),
                segment.lastLSN < segment.firstLSN ? "-" : String(segment.lastLSN.rawValue),
                naturalSize(segment.fileSize), naturalSize(segment.usedBytes),
                segment.isCompressed ? decimals(Double(segment.rawBytes) / Double(max(1, segment.fileSize)), 2) : "-",
                segment.state.rawValue, segment.eventTimes.map { shortTimestamp($0.lowerBound) } ?? "-",
                segment.eventTimes.map { shortTimestamp($0.upperBound) } ?? "-",
                FilePath(segment.path).lastComponent?.string ?? segment.path)
        }
        return lines.joined(separator: "\n")
    }

    private static func row(
        _ base: String, _ last: String, _ size: String, _ used: String, _ ratio: String, _ state: String,
        _ oldest: String, _ newest: String, _ file: String
    ) -> String {
        func left(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        return padded(base, 12) + padded(last, 13) + padded(size, 11) + padded(used, 11) + padded(ratio, 7) + "  "
            + left(state, 8) + left(oldest, 22) + left(newest, 22) + file
    }
}
