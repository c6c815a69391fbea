import ArgumentParser
import Wal
import WalPlatform

/// `walctl cat`: prints events.
struct Cat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the events of a log, oldest first.",
        discussion: """
            Each event is printed as it is, and a newline behind it: what append read from a file of lines comes back \
            byte for byte, except that a last line without a newline gets one. On a terminal, control characters and bytes that \
            are not UTF-8 are shown as escapes, such as \\x1b. Ends at the newest event of its start, \
            also while another process writes; with --follow it goes on with the events to come, each once it is durable, \
            until the writer's log is gone, a limit is reached, or Ctrl-C.

            --since and --until choose by the time of an event, which is the one it was given, else that of its writing; \
            also where clocks stepped back, every event of that time is printed, in the order of the log. --checkpoint \
            begins behind what that consumer has processed.

            With --json, each event is an object on a line of its own: lsn, time (of the event, in UTC), payload, and \
            meta and key if it has them. Bytes that are not UTF-8 are given in base64, and "encoding" ("metaEncoding", \
            "keyEncoding") says so. With --hex, each line has the LSN and the payload in hexadecimal digits.

            Damage of any kind, such as a missing segment, ends the output with an error behind the last whole event before \
            it, and the exit code is 1. With --salvage the files are read without regard to what the log says about itself, \
            and events behind the damage are printed too.

            EXAMPLES
              walctl cat orders.wal > orders.jsonl
              walctl cat orders.wal --from 5000 --limit 10 --json
              walctl cat orders.wal --since 2026-01-31 --until 2026-02-01T12:00:00Z
              walctl cat orders.wal --checkpoint billing --follow
              walctl cat damaged.wal --salvage 2> holes | walctl append rescued.wal
            """)

    @OptionGroup var log: LogArgument

    @Option(help: ArgumentHelp("The first event to print (default: the oldest).", valueName: "lsn"))
    var from: LSNArgument?

    @Option(help: ArgumentHelp("The last event to print (default: the newest).", valueName: "lsn"))
    var to: LSNArgument?

    @Option(help: ArgumentHelp("Print at most this many events.", valueName: "count"))
    var limit: UInt64?

    @Option(help: ArgumentHelp("Print events of this moment or later.", valueName: "moment"))
    var since: Moment?

    @Option(help: ArgumentHelp("Print events before this moment.", valueName: "moment"))
    var until: Moment?

    @Option(help: ArgumentHelp("Begin behind this checkpoint.", valueName: "name"))
    var checkpoint: String?

    @Flag(name: .shortAndLong, help: "Go on with the events to come.")
    var follow = false

    @Flag(
        help: "With --follow: print events as soon as they are written, also if a power cut could still take them back."
    )
    var written = false

    @Flag(help: "Print what is readable on both sides of damage; tell each hole on standard error, and exit with 1.")
    var salvage = false

    @Flag(help: "Print JSON, one object a line.")
    var json = false

    @Flag(help: "Print LSNs and hexadecimal digits.")
    var hex = false

    func validate() throws {
        if json && hex { throw ValidationError("--json and --hex exclude each other.") }
        if from != nil, checkpoint != nil { throw ValidationError("--from and --checkpoint exclude each other.") }
        if salvage, follow || checkpoint != nil {
            throw ValidationError("--salvage goes with neither --follow nor --checkpoint.")
        }
        if written, !follow { throw ValidationError("--written goes with --follow.") }
        if let since, let until, until.time <= since.time {
            throw ValidationError("--until must be later than --since.")
        }
        if let from, let to, to.lsn < from.lsn { throw ValidationError("--to must not be below --from.") }
    }

    func run() throws {
        try reportingErrors {
            var printer = EventPrinter(
                form: json ? .json : hex ? .hex : ProcessStream.output.isTerminal ? .readable : .raw,
                last: to?.lsn ?? .max, limit: limit ?? .max)
            if salvage { return try printReadable(&printer) }
            // Damage keeps no event before it from being printed, wherever opening finds it.
            let log = try openForReading(log.path, acrossDamage: true)
            let damage = log.recovery.damage
            if limit != 0 {
                do {
                    let start = try start(in: log)
                    if follow, damage == nil {
                        try printFollowing(log, from: start, &printer)
                    } else {
                        try log.replay(from: start, since: since?.time, until: until?.time) {
                            event throws(ProcessStream.Failure) in try printer.print(event)
                        }
                    }
                } catch let error as WalError {
                    // What was read before the damage has been promised by the order of the log: print it first.
                    try printer.finish()
                    // Where an event lies behind the damage that is the reason, and not that it is beyond the end.
                    throw error.code == .notYetWritten ? damage ?? error : error
                }
            }
            try printer.finish()
            try log.close()
            if let damage, !printer.isComplete { throw damage }
            if follow, ProcessSignals.wasInterrupted { throw Exit.interrupted }
        }
    }

    private func isWanted(_ time: EventTime) -> Bool {
        if let since, time < since.time { return false }
        if let until, time >= until.time { return false }
        return true
    }

    private func start(in log: WriteAheadLog) throws(WalError) -> LSN {
        if let checkpoint { return try log.resumePoint(of: log.checkpoint(checkpoint)) }
        return from?.lsn ?? .zero
    }

    private func printFollowing(_ log: WriteAheadLog, from start: LSN, _ printer: inout EventPrinter) throws {
        ProcessSignals.catchInterrupts()
        let first = try since.map { try log.firstLSN(since: $0.time) } ?? .zero
        var follower = try log.follow(from: max(start, first), delivering: written ? .written : .durable)
        while !ProcessSignals.wasInterrupted {
            do {
                // Without waiting as long as there are events; before a wait everything so far is shown.
                guard let event = try follower.next(timeout: .zero) else { return }
                if !isWanted(event.time) { continue }
                if try printer.print(event) == .stop { return }
            } catch WalError.Code.timedOut {
                try printer.finish()
                // Not for ever: an interruption, and whether anybody still reads, is looked for in between.
                if ProcessStream.output.isAbandoned { return }
                if try !waitForMore(&follower, &printer) { return }
            }
        }
    }

    /// Waits for the next event and prints it; returns false if the following is over.
    private func waitForMore(
        _ follower: inout Follower, _ printer: inout EventPrinter
    ) throws -> Bool {
        do {
            guard let event = try follower.next(timeout: .milliseconds(300)) else { return false }
            if !isWanted(event.time) { return true }
            return try printer.print(event) == .continue
        } catch WalError.Code.timedOut {
            return true
        }
    }

    private func printReadable(_ printer: inout EventPrinter) throws {
        guard limit != 0 else { return }
        let first = from?.lsn ?? .zero
        let last = to?.lsn ?? .max
        var holes = 0
        try WriteAheadLog.salvage(
            at: log.path,
            hole: { hole in
                if let lsns = hole.lsns, lsns.upperBound < first || lsns.lowerBound > last { return }
                complain("a hole: \(hole)")
                holes += 1
            },
            { event in
                if event.lsn < first { return .continue }
                if !isWanted(event.time) { return .continue }
                return try printer.print(event)
            })
        try printer.finish()
        if holes > 0 { throw Exit.damage }
    }
}

/// Opens a log that must exist, without taking it from its writer.
///
/// - Parameter acrossDamage: opens it also where a writer would be refused, up to the damage; `recovery.damage` says what it is.
func openForReading(_ path: FilePath, acrossDamage: Bool = false) throws(WalError) -> WriteAheadLog {
    var options = WriteAheadLog.Options()
    options.readOnly = true
    options.createIfMissing = false
    if acrossDamage {
        // A read-only open with this mode only plans, and changes nothing.
        options.recovery = .pointInTime
        options.recoveryKeep = .older
    }
    return try WriteAheadLog.open(at: path, options: options)
}
