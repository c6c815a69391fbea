import ArgumentParser
import Wal

/// `walctl truncate`: drops old events.
struct Truncate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drop the events before an LSN.",
        discussion: """
            The event with that LSN becomes the oldest. Files go by whole segments: bytes of dropped events stay until \
            the rest of their segment is dropped too. This can't be undone.

            EXAMPLES
              walctl truncate orders.wal --before 125001
            """)

    @OptionGroup var log: LogArgument

    @Option(help: ArgumentHelp("The oldest event to keep.", valueName: "lsn"))
    var before: LSNArgument

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingErrors {
            var options = WriteAheadLog.Options()
            options.createIfMissing = false
            let log = try WriteAheadLog.open(at: log.log, options: options)
            let removed: [String]
            do {
                removed = try log.truncate(before: before.lsn)
            } catch {
                try log.shutdown()
                throw error
            }
            let (first, last) = (log.firstLSN, log.lastLSN)
            try log.shutdown()
            try printOutput(
                json
                    ? JSON.object([
                        ("firstLSN", .unsigned(first.rawValue)), ("lastLSN", .unsigned(last.rawValue)),
                        ("removed", .array(removed.map { .string($0) })),
                    ]).text
                    : "kept LSN \(first)…\(last); removed \(counted(removed.count, "file"))")
        }
    }
}
