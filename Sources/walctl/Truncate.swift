import ArgumentParser
import Wal

/// `walctl truncate`: drops old events, or cuts the newest off.
struct Truncate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drop the events before an LSN, or cut off those after one.",
        discussion: """
            --before LSN: the event with that LSN becomes the oldest. Files go by whole segments: bytes of dropped events \
            stay until the rest of their segment is dropped too.

            --after LSN: the event with that LSN becomes the newest; those behind it are gone, and their LSNs will be given \
            to other events. Refused if a checkpoint stands on what would be cut off, unless --override-checkpoints is \
            given; such a checkpoint is then refused as stale when its consumer resumes.

            Neither can be undone. Both are on stable storage when the command ends.

            EXAMPLES
              walctl truncate orders.wal --before 125001
              walctl truncate raft.wal --after 4711
            """)

    @OptionGroup var log: LogArgument

    @Option(help: ArgumentHelp("The oldest event to keep.", valueName: "lsn"))
    var before: LSNArgument?

    @Option(help: ArgumentHelp("The newest event to keep.", valueName: "lsn"))
    var after: LSNArgument?

    @Flag(help: "With --after: cut also what checkpoints have processed.")
    var overrideCheckpoints = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if (before == nil) == (after == nil) { throw ValidationError("Give one of --before and --after.") }
        if overrideCheckpoints, after == nil { throw ValidationError("--override-checkpoints goes with --after.") }
    }

    func run() throws {
        try reportingErrors {
            let result = try changing(log.path) { log in
                var removed: [String] = []
                if let before { removed = try log.truncate(before: before.lsn) }
                if let after { try log.truncate(after: after.lsn, overridingCheckpoints: overrideCheckpoints) }
                return (removed: removed, first: log.firstLSN, last: log.lastLSN)
            }
            try printOutput(json ? Self.json(result).text : text(result))
        }
    }

    private typealias Outcome = (removed: [String], first: LSN, last: LSN)

    private static func json(_ result: Outcome) -> JSON {
        .object([
            ("firstLSN", .unsigned(result.first.rawValue)), ("lastLSN", .unsigned(result.last.rawValue)),
            ("removed", .array(result.removed.map { .string($0) })),
        ])
    }

    private func text(_ result: Outcome) -> String {
        let range = result.last < result.first ? "no events are left" : "LSN \(result.first)…\(result.last) is left"
        return after == nil ? "\(range); \(counted(result.removed.count, "file")) removed" : range
    }
}

/// Opens a log that must exist, lets `body` change it, and shuts it down also when that fails.
func changing<Result>(_ path: FilePath, _ body: (WriteAheadLog) throws -> Result) throws -> Result {
    var options = WriteAheadLog.Options()
    options.createIfMissing = false
    let log = try WriteAheadLog.open(at: path, options: options)
    tellLeftovers(log.recovery)
    let result: Result
    do {
        result = try body(log)
    } catch {
        do {
            try log.shutdown()
        } catch let failure {
            if failure != (error as? WalError) { complain(failure.description) }
        }
        throw error
    }
    try log.shutdown()
    return result
}
