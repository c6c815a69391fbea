import ArgumentParser
import Wal

/// `walctl repair`: point-in-time recovery.
struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a log that refuses to open usable again, by keeping all before the damage.",
        discussion: """
            Point-in-time recovery: every event before the damage is kept, the rest is moved to the folder "quarantine" \
            in the log's directory, where nothing is ever deleted. A log that opens is left as it is, except that a torn \
            tail is cut as every open does.

            Where segments are missing at the front, or nothing before the damage is left, the log begins behind it, and its \
            LSNs go on. Where they are missing between others only one side can be kept, and --keep must say which: with \
            older the log is cut there (its next events get the LSNs behind the cut again, under a higher epoch); with newer \
            it begins there.

            Then all of the log is read. Damage in a sealed segment further back doesn't keep a log from opening and is \
            not cut: what comes behind it stays readable. It is reported, and the exit code is 1. With --deep such damage \
            is cut as well, and everything behind it goes to the quarantine.

            With --dry-run nothing is changed: it says what would be done, and exits with 1 if there is damage.

            EXAMPLES
              walctl repair orders.wal --dry-run
              walctl repair orders.wal
              walctl repair orders.wal --deep
              walctl repair orders.wal --keep newer
            """)

    @OptionGroup var log: LogArgument

    @Flag(help: "Change nothing; say what would be done.")
    var dryRun = false

    @Flag(help: "Read all of the log first, and cut at the first damage wherever it is.")
    var deep = false

    @Option(
        help: ArgumentHelp("The side of missing or damaged segments that is kept: older or newer.", valueName: "side"))
    var keep: Side?

    @Flag(help: "Print JSON.")
    var json = false

    enum Side: String, ExpressibleByArgument, CaseIterable {
        case older, newer
    }

    func run() throws {
        try reportingErrors {
            let log = try openForRepair(log.path)
            let recovery = log.recovery
            let report = try Self.verified(log)
            if dryRun { try log.close() } else { try log.shutdown() }
            // A repair deals with what opening found; anything else is still there.
            let left = report.findings.filter { $0.kind == .corruption && $0.error != recovery.damage }
            try printOutput(
                json ? Self.json(recovery, left, dryRun: dryRun).text : Self.text(recovery, left, dryRun: dryRun))
            if !left.isEmpty || dryRun && recovery.damage != nil { throw Exit.damage }
        }
    }

    /// Reads all of what is kept, showing progress.
    private static func verified(_ log: WriteAheadLog) throws(WalError) -> VerifyReport {
        var progress = Progress()
        defer { progress.clear() }
        return try log.verify { done, all in
            progress.update("\(naturalSize(done)) of \(naturalSize(all))")
        }
    }

    private func openForRepair(_ path: FilePath) throws(WalError) -> WriteAheadLog {
        var options = WriteAheadLog.Options()
        options.recovery = .pointInTime
        options.deepRecovery = deep
        options.recoveryKeep = keep.map { $0 == .older ? .older : .newer }
        options.readOnly = dryRun
        options.createIfMissing = false
        return try WriteAheadLog.open(at: path, options: options)
    }

    private static func text(_ recovery: RecoveryReport, _ left: [VerifyReport.Finding], dryRun: Bool) -> String {
        var lines = ["found      \(recovery.summary)"]
        if let damage = recovery.damage { lines.append("damage     \(damage)") }
        let kept =
            recovery.lastLSN < recovery.firstLSN ? "no events" : "LSN \(recovery.firstLSN)…\(recovery.lastLSN)"
        lines.append("\(dryRun ? "would keep" : "kept      ") \(kept)")
        lines += recovery.lost.map { "\(dryRun ? "would lose" : "lost      ") \(lsnRange($0))" }
        if recovery.bytesCut > 0 {
            lines.append("\(dryRun ? "would cut" : "cut      ")  \(naturalSize(recovery.bytesCut))")
        }
        lines += recovery.quarantined.map { "put aside  quarantine/\($0)" }
        lines += recovery.notKept.map { "not kept   the torn part of \($0)" }
        lines += left.map { "still damaged: \($0.error)" }
        return lines.joined(separator: "\n")
    }

    private static func json(_ recovery: RecoveryReport, _ left: [VerifyReport.Finding], dryRun: Bool) -> JSON {
        .object([
            ("dryRun", .bool(dryRun)), ("recovery", recovery.json), ("stillDamaged", .array(left.map(\.json))),
        ])
    }
}
