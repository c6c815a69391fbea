import ArgumentParser
import Wal
import WalPlatform

/// `walctl append`: writes events from files or standard input.
struct Append: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Append events to a log, which is made if there is none.",
        discussion: """
            Each line of the files, or of standard input, becomes one event, without its newline. Bytes behind the last \
            newline of a file are an event too. A line may be empty, hold any bytes, and be as long as a segment has room \
            for; a longer one, or a batch that no segment can hold, ends the command as soon as it can't fit. "-" stands for \
            standard input.

            All events are on stable storage when the command ends. Ctrl-C, SIGTERM and SIGHUP stop reading, make durable \
            what was read, print the summary and exit with 130; so does the end of the terminal, unless nohup keeps it off. \
            After an error the summary is on standard error.

            EXAMPLES
              walctl append orders.wal orders.jsonl
              tail -f app.log | walctl append app.wal --sync interval:100ms --meta host=a1
              walctl append orders.wal --batch 1000 --segment-size 16MiB < orders.jsonl
            """)

    @OptionGroup var log: LogArgument

    @Argument(help: "The files to read; standard input if there are none.", completion: .file())
    var files: [String] = []

    @Flag(help: "Read events that each come behind their length: four bytes, the lowest first.")
    var lengthPrefixed = false

    @Option(help: ArgumentHelp("Append this many events at a time, atomically.", valueName: "count"))
    var batch = 1

    @Option(
        help: ArgumentHelp(
            "When to make events durable: never, batch, interval:100ms or bytes:1MiB.", valueName: "policy"))
    var sync = SyncArgument(policy: .batch)

    @Option(help: ArgumentHelp("Start a new segment file after about this much (default: 64MiB).", valueName: "size"))
    var segmentSize: ByteSize?

    @Option(
        help: ArgumentHelp(
            "Fill each write up to whole sectors of this size, 512 to 4KiB, for disks that may spoil a sector while they write it (default: don't).",
            valueName: "size"))
    var padding: ByteSize?

    @Option(
        help: ArgumentHelp(
            "Who may read and write new files, in octal digits (default: as the log has it; a new one 600).",
            valueName: "mode"))
    var mode: ModeArgument?

    @Flag(help: "Compress sealed segments in the background while appending.")
    var compress = false

    @Option(help: ArgumentHelp("Store this text as the meta of each event.", valueName: "text"))
    var meta: String?

    @Flag(help: "Print the summary as JSON.")
    var json = false

    func validate() throws {
        if batch < 1 { throw ValidationError("--batch must be at least 1.") }
    }

    func run() throws {
        try reportingErrors {
            for file in files where file != "-" { try checkReadable(file) }
            var options = WriteAheadLog.Options()
            options.sync = sync.policy
            if compress { options.compression = .zstd() }
            if let mode { options.filePermissions = mode.permissions }
            if let padding { options.padding = .sector(padding.bytes) }
            if let segmentSize { options.segmentSize = segmentSize.bytes }
            let log = try WriteAheadLog.open(at: log.path, options: options)
            tellLeftovers(log.recovery)
            ProcessSignals.catchInterrupts()
            var appender = Appender(log: log, batchCount: batch, meta: meta.map(RawArguments.bytes))
            do {
                for file in files.isEmpty ? ["-"] : files where !ProcessSignals.wasInterrupted {
                    try append(file, with: &appender)
                }
                try appender.finish()
            } catch {
                appender.progress.clear()
                try stop(log, after: error, appended: appender.summary)
            }
            appender.progress.clear()
            try log.shutdown()
            appender.summary.durableLSN = log.durableLSN
            try printOutput(json ? appender.summary.json.text : appender.summary.text)
            if ProcessSignals.wasInterrupted { throw Exit.interrupted }
        }
    }

    /// Finds a mistyped name before the first event is written, not after the last file but one.
    private func checkReadable(_ file: String) throws {
        do {
            let stream = try ProcessStream(reading: RawArguments.path(file))
            defer { stream.closeAfterReading() }
            // A directory opens, and fails only when read.
            _ = try stream.read(into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        } catch {
            throw ToolError.cantRead(RawArguments.text(file), error)
        }
    }

    private func append(_ file: String, with appender: inout Appender) throws {
        let stream: ProcessStream
        do {
            stream = file == "-" ? .input : try ProcessStream(reading: RawArguments.path(file))
        } catch {
            throw ToolError.cantRead(RawArguments.text(file), error)
        }
        defer { if file != "-" { stream.closeAfterReading() } }
        let name = file == "-" ? "standard input" : RawArguments.text(file)
        var reader = EventReader(
            stream, framing: lengthPrefixed ? .lengthPrefixed : .lines, longest: appender.longestPayload)
        do {
            while let event = try reader.next(refill: { appender.mayRead(stream) }) {
                if !appender.hasRoom(for: event) {
                    throw WalError(
                        .tooLarge,
                        "with \(described(reader.place, of: name)) the batch, which has \(counted(appender.batched, "event")), "
                            + "would take more than the \(appender.largestUnit) bytes that a segment can hold; give a smaller "
                            + "--batch, or see --segment-size")
                }
                try appender.append(event)
            }
        } catch EventReader.Failure.read(let failure) {
            throw ToolError.cantRead(name, failure)
        } catch EventReader.Failure.truncatedEvent(let missing) {
            throw ToolError(
                message: "\(name) ends within event \(reader.place.number) (at byte \(reader.place.offset)), "
                    + "\(counted(missing, "byte")) short; all before it was appended",
                exit: Exit.notFound)
        } catch EventReader.Failure.tooLong(let length) {
            throw WalError(
                .tooLarge,
                "\(described(reader.place, of: name)) has \(length.map { "\($0) bytes, " } ?? "")more than the "
                    + "\(appender.longestPayload) bytes that an event in a segment can have; see --segment-size")
        }
    }

    private func described(_ place: EventReader.Place, of name: String) -> String {
        "\(lengthPrefixed ? "event" : "line") \(place.number) of \(name) (from byte \(place.offset) on)"
    }

    /// After an error: keeps what was accepted, says how much that is, and passes the error on.
    private func stop(_ log: WriteAheadLog, after error: any Error, appended: AppendSummary) throws -> Never {
        do {
            try log.shutdown(timeout: .seconds(10))
        } catch let failure {
            if failure != (error as? WalError) { complain(failure.description) }
            do {
                try log.close()
            } catch let failure {
                // What is discarded the summary says.
                if failure.code != .discarded { complain(failure.description) }
            }
        }
        // Of a full disk some are left that were accepted and could not be written.
        let lost = appended.lastLSN.map { $0 > log.lastLSN ? $0.rawValue - log.lastLSN.rawValue : 0 } ?? 0
        let rest = lost == 0 ? "" : "; \(counted(lost, "event")) behind it could not be written"
        complain(
            "\(counted(appended.events - min(lost, appended.events), "event")) appended before the error; "
                + "durable up to LSN \(log.durableLSN)\(rest)")
        throw error
    }
}
