import ArgumentParser
import Wal
import WalPlatform

/// `walctl checkpoint`: the named positions of consumers.
struct Checkpoints: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "List, show, set and remove checkpoints.",
        discussion: """
            A checkpoint is the named position of a consumer: the last event it has processed, and, if it likes, its own \
            state. Retention keeps what a checkpoint has not yet processed.

              walctl checkpoint list LOG             all of them, and how far each is behind
              walctl checkpoint get LOG NAME         one of them; with --state its state alone, byte for byte
              walctl checkpoint set LOG NAME --lsn N [--state-file FILE]
              walctl checkpoint remove LOG NAME

            list and get also work while another process writes to the log. Names are 1 to 100 of a-z, 0-9, ".", "_" and "-". \
            The log may also come before the word for what to do, as in "checkpoint LOG list".

            "stale" stands for a checkpoint at an event that was cut off, or at one of another copy of the log; "above the end" \
            for one at an event that the log doesn't have; "fell behind" for one whose next events were dropped. Its \
            consumer will be refused until the checkpoint is set anew.

            EXAMPLES
              walctl checkpoint list orders.wal --json
              walctl checkpoint set orders.wal billing --lsn 125000
              walctl checkpoint get orders.wal billing --state > billing.json
            """)

    enum Action: String, ExpressibleByArgument, CaseIterable {
        case list, get, set, remove
    }

    @Argument(
        help: ArgumentHelp("What to do: list, get, set or remove.", valueName: "action"),
        completion: .list(Action.allCases.map(\.rawValue)))
    var first: String

    @Argument(help: ArgumentHelp("The log's directory.", valueName: "log"), completion: .directory)
    var second: String

    @Argument(help: "The checkpoint's name; not for list.")
    var name: String?

    @Option(help: ArgumentHelp("set: the last event processed; 0: none.", valueName: "lsn"))
    var lsn: LSNArgument?

    @Option(
        help: ArgumentHelp("set: the file with the state; - is standard input.", valueName: "file"), completion: .file()
    )
    var stateFile: String?

    @Flag(help: "get: print the state alone, as it is.")
    var state = false

    @Flag(help: "Print JSON.")
    var json = false

    /// The word for what to do comes first; where it is none, the second, as it once was.
    private var words: (action: Action, log: String)? {
        if let action = Action(rawValue: first) { return (action, second) }
        return Action(rawValue: second).map { ($0, first) }
    }

    func validate() throws {
        guard let (action, _) = words else {
            throw ValidationError(
                "The first word must be list, get, set or remove, and the second the log's directory.")
        }
        if (name == nil) != (action == .list) {
            throw ValidationError(action == .list ? "list takes no name." : "\(action.rawValue) needs a name.")
        }
        if (lsn != nil) != (action == .set) {
            throw ValidationError(action == .set ? "set needs --lsn." : "--lsn goes with set.")
        }
        if stateFile != nil, action != .set { throw ValidationError("--state-file goes with set.") }
        if state, action != .get { throw ValidationError("--state goes with get.") }
        if state, json { throw ValidationError("--state and --json exclude each other.") }
    }

    func run() throws {
        try reportingErrors {
            guard let (action, log) = words else { return }
            switch (action, name) {
            case (.get, let name?): try get(log, name)
            case (.set, let name?): try set(log, name)
            case (.remove, let name?): try remove(log, name)
            default: try list(log)
            }
        }
    }

    private func list(_ path: String) throws {
        let log = try openForReading(RawArguments.path(path))
        let checkpoints = try log.checkpoints()
        let standings = try standings(of: checkpoints, in: log)
        try log.close()
        try printOutput(
            json
                ? JSON.array(zip(checkpoints, standings).map { $0.json($1) }).text
                : checkpoints.isEmpty
                    ? "no checkpoints" : checkpointTable(checkpoints, standings).joined(separator: "\n"))
        if checkpoints.contains(where: { $0.damage != nil }) { throw Exit.damage }
    }

    private func get(_ path: String, _ name: String) throws {
        let log = try openForReading(RawArguments.path(path))
        let found = try log.checkpoint(name)
        let standing = try Standing(of: found.position, in: log)
        try log.close()
        if state {
            var output = OutputBuffer()
            if ProcessStream.output.isTerminal {
                try output.appendReadable(found.state ?? [])
            } else {
                try output.append(found.state ?? [])
            }
            return try output.flush()
        }
        try printOutput(json ? found.json(standing).text : found.text(standing))
    }

    private func set(_ path: String, _ name: String) throws {
        guard let lsn else { return }
        let state = try stateFile.map { try readWhole($0, limit: Checkpoint.stateBytesMax) }
        let position = try changing(RawArguments.path(path)) { log in
            try log.saveCheckpoint(name, at: lsn.lsn, state: state)
            return try log.checkpoint(name).position
        }
        try printOutput(
            json
                ? JSON.object([
                    ("name", .string(name)), ("lsn", .unsigned(lsn.lsn.rawValue)), ("position", .string("\(position)")),
                ])
                .text
                : "checkpoint \(name) set to LSN \(lsn.lsn)")
    }

    private func remove(_ path: String, _ name: String) throws {
        try changing(RawArguments.path(path)) { log in try log.removeCheckpoint(name) }
        try printOutput(
            json ? JSON.object([("name", .string(name)), ("removed", .bool(true))]).text : "checkpoint \(name) removed")
    }
}

/// The bytes of a file, or of standard input for "-".
private func readWhole(_ file: String, limit: Int) throws -> [UInt8] {
    do {
        let stream: ProcessStream = file == "-" ? .input : try ProcessStream(reading: RawArguments.path(file))
        defer { if file != "-" { stream.closeAfterReading() } }
        var bytes: [UInt8] = []
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { chunk.deallocate() }
        while bytes.count <= limit {
            let count = try stream.read(into: chunk)
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    } catch {
        throw ToolError.cantRead(file, error)
    }
    throw ToolError(message: "\(file) is larger than the \(limit) bytes a checkpoint can hold", exit: Exit.usage)
}
