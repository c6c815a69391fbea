import ArgumentParser
import Wal
import WalPlatform

/// `walctl cat`: prints events.
struct Cat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the events of a log, oldest first.",
        discussion: """
            Each event is printed as it is, and a newline behind it: what append read from a file of lines comes back \
            byte for byte, except that a last line without a newline gets one. Ends at the newest event of its start, \
            also while another process writes.

            With --json, each event is an object on a line of its own: lsn, time (of the event, in UTC), payload, and \
            meta and key if it has them. Bytes that are not UTF-8 are given in base64, and "encoding" ("metaEncoding", \
            "keyEncoding") says so. With --hex, each line has the LSN and the payload in hexadecimal digits.

            Damage ends the output with an error behind the last whole event before it. With --salvage the files are read \
            without regard to what the log says about itself, and events behind the damage are printed too.

            EXAMPLES
              walctl cat orders.wal > orders.jsonl
              walctl cat orders.wal --from 5000 --limit 10 --json
              walctl cat damaged.wal --salvage 2> holes | walctl append rescued.wal
            """)

    @OptionGroup var log: LogArgument

    @Option(help: ArgumentHelp("The first event to print (default: the oldest).", valueName: "lsn"))
    var from: LSNArgument?

    @Option(help: ArgumentHelp("The last event to print (default: the newest).", valueName: "lsn"))
    var to: LSNArgument?

    @Option(help: ArgumentHelp("Print at most this many events.", valueName: "count"))
    var limit: UInt64?

    @Flag(help: "Print what is readable on both sides of damage; tell each hole on standard error, and exit with 1.")
    var salvage = false

    @Flag(help: "Print JSON, one object a line.")
    var json = false

    @Flag(help: "Print LSNs and hexadecimal digits.")
    var hex = false

    func validate() throws {
        if json && hex { throw ValidationError("--json and --hex exclude each other.") }
        if let from, let to, to.lsn < from.lsn { throw ValidationError("--to must not be below --from.") }
    }

    func run() throws {
        try reportingErrors {
            var printer = EventPrinter(
                form: json ? .json : hex ? .hex : .raw, last: to?.lsn ?? .max, limit: limit ?? .max)
            if salvage { return try printReadable(&printer) }
            let log = try openForReading(log.log)
            if limit != 0 {
                do {
                    try log.replay(from: from?.lsn ?? .zero) { event throws(ProcessStream.Failure) in
                        try printer.print(event)
                    }
                } catch let error as WalError {
                    // What was read before the damage has been promised by the order of the log: print it first.
                    try printer.finish()
                    throw error
                }
            }
            try printer.finish()
            try log.close()
        }
    }

    private func printReadable(_ printer: inout EventPrinter) throws {
        guard limit != 0 else { return }
        let first = from?.lsn ?? .zero
        let last = to?.lsn ?? .max
        var holes = 0
        try WriteAheadLog.salvage(
            at: FilePath(log.log),
            hole: { hole in
                if let lsns = hole.lsns, lsns.upperBound < first || lsns.lowerBound > last { return }
                complain("a hole: \(hole)")
                holes += 1
            },
            { event in event.lsn < first ? .continue : try printer.print(event) })
        try printer.finish()
        if holes > 0 { throw Exit.refused }
    }
}

/// Opens a log that must exist, without taking it from its writer.
func openForReading(_ path: String, recovery: RecoveryMode = .strict) throws(WalError) -> WriteAheadLog {
    var options = WriteAheadLog.Options()
    options.readOnly = true
    options.createIfMissing = false
    options.recovery = recovery
    return try WriteAheadLog.open(at: path, options: options)
}
