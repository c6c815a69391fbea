import ArgumentParser
import Wal

/// `walctl verify`: reads everything.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read all of a log, check every checksum, and say what is damaged.",
        discussion: """
            Changes nothing. Tells corruption, which concerns events that were acknowledged as durable, from a torn tail, \
            which a crash leaves and the next open removes. Exits with 1 on corruption, else with 0.

            EXAMPLES
              walctl verify orders.wal
              walctl verify orders.wal --json | jq '.findings[].error.path'
            """)

    @OptionGroup var log: LogArgument

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingErrors {
            let log = try openForReading(log.log, recovery: .pointInTime)
            let report = try verified(log)
            try log.close()
            try printOutput(json ? report.json.text : report.text)
            if !report.isIntact { throw Exit.damage }
        }
    }
}

/// Reads all of an open log, showing progress.
func verified(_ log: WriteAheadLog) throws(WalError) -> VerifyReport {
    var progress = Progress()
    var report = try log.verify { done, all in
        progress.update("\(naturalSize(done)) of \(naturalSize(all))")
    }
    progress.clear()
    // Damage found by opening lies behind what is kept, where reading doesn't come.
    if let damage = log.recovery.damage, !report.findings.contains(where: { $0.error == damage }) {
        report.findings.append(VerifyReport.Finding(kind: .corruption, error: damage))
    }
    return report
}

extension VerifyReport {
    var text: String {
        var lines = findings.map { "\($0.title): \($0.error)" }
        let range = eventCount == 0 ? "" : ", LSN \(firstLSN)…\(lastLSN)"
        lines.append(
            "\(isIntact ? "intact" : "DAMAGED"): \(counted(eventCount, "event"))\(range) in "
                + "\(counted(frameCount, "frame")) and \(counted(segmentCount, "segment")), \(naturalSize(byteCount)) read"
        )
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        .object([
            ("intact", .bool(isIntact)), ("firstLSN", .unsigned(firstLSN.rawValue)),
            ("lastLSN", .unsigned(lastLSN.rawValue)), ("eventCount", .unsigned(eventCount)),
            ("frameCount", .unsigned(frameCount)), ("segmentCount", .integer(segmentCount)),
            ("byteCount", .unsigned(byteCount)), ("findings", .array(findings.map(\.json))),
        ])
    }
}
