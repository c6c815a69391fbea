import ArgumentParser
import Wal

/// `walctl verify`: reads everything.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read all of a log, check every checksum, and say what is damaged.",
        discussion: """
            Changes nothing. Tells corruption, which concerns events that were acknowledged as durable, from a torn tail, \
            which a crash leaves and the next open removes. Whatever keeps the log from being opened for writing is \
            corruption, too, and reading goes on behind it. Exits with 1 on corruption, else with 0.

            EXAMPLES
              walctl verify orders.wal
              walctl verify orders.wal --json | jq '.findings[].error.path'
            """)

    @OptionGroup var log: LogArgument

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingErrors {
            var progress = Progress()
            let report: VerifyReport
            do throws(WalError) {
                defer { progress.clear() }
                report = try WriteAheadLog.verify(at: log.path) { done, all in
                    progress.update("\(naturalSize(done)) of \(naturalSize(all))")
                }
            } catch {
                // A script gets its object in any case.
                if json { try printOutput(VerifyReport.json(refused: error).text) }
                throw error
            }
            try printOutput(json ? report.json.text : report.text)
            if !report.isIntact { throw Exit.damage }
        }
    }
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

    /// Where nothing could be read: an error that is no finding.
    static func json(refused error: WalError) -> JSON {
        .object([("intact", .bool(false)), ("findings", .array([])), ("error", error.json)])
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
