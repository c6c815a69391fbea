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

              walctl checkpoint LOG list             all of them, and how far each is behind
              walctl checkpoint LOG get NAME         one of them; with --state its state alone, byte for byte
              walctl checkpoint LOG set NAME --lsn N [--state-file FILE]
              walctl checkpoint LOG remove NAME

            list and get also work while another process writes to the log. Names are 1 to 100 of a-z, 0-9, ".", "_" and "-".

            EXAMPLES
              walctl checkpoint orders.wal list --json
              walctl checkpoint orders.wal set billing --lsn 125000
              walctl checkpoint orders.wal get billing --state > billing.json
            """)

    enum Action: String, ExpressibleByArgument, CaseIterable {
        case list, get, set, remove
    }

    @OptionGroup var log: LogArgument

    @Argument(help: "What to do: list, get, set or remove.")
    var action: Action

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

    func validate() throws {
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
            switch (action, name) {
            case (.get, let name?): try get(name)
            case (.set, let name?): try set(name)
            case (.remove, let name?): try remove(name)
            default: try list()
            }
        }
    }

    private func list() throws {
        let log = try openForReading(log.path)
        let checkpoints = try log.checkpoints()
        let last = log.lastLSN
        try log.close()
        try printOutput(
            json
                ? JSON.array(checkpoints.map { $0.json(last: last) }).text
                : checkpoints.isEmpty
                    ? "no checkpoints" : checkpointTable(checkpoints, last: last).joined(separator: "\n"))
        if checkpoints.contains(where: { $0.damage != nil }) { throw Exit.refused }
    }

    private func get(_ name: String) throws {
        let log = try openForReading(log.path)
        let found = try log.checkpoint(name)
        let last = log.lastLSN
        try log.close()
        if state {
            var output = OutputBuffer()
            try output.append(found.state ?? [])
            return try output.flush()
        }
        try printOutput(json ? found.json(last: last).text : found.text(last: last))
    }

    private func set(_ name: String) throws {
        guard let lsn else { return }
        let state = try stateFile.map { try readWhole($0, limit: Checkpoint.stateBytesMax) }
        let position = try changing(log.path) { log in
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

    private func remove(_ name: String) throws {
        try changing(log.path) { log in try log.removeCheckpoint(name) }
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

/// Lines for people: a head, and one for each checkpoint.
func checkpointTable(_ checkpoints: [CheckpointInfo], last: LSN) -> [String] {
    let width = max(10, checkpoints.reduce(0) { max($0, $1.name.count) })
    func row(_ name: String, _ lsn: String, _ behind: String, _ state: String, _ time: String) -> String {
        name + String(repeating: " ", count: max(0, width - name.count)) + padded(lsn, 13) + padded(behind, 13)
            + padded(state, 11) + "  " + time
    }
    return [row("checkpoint", "LSN", "behind", "state", "saved")]
        + checkpoints.map { info in
            guard let position = info.position else { return "\(info.name)  damaged: \(info.damage?.message ?? "")" }
            return row(
                info.name, "\(position.lsn)", "\(eventsBehind(position, last))",
                info.stateBytes.map { naturalSize(UInt64($0)) } ?? "-",
                info.time.map(timestamp) ?? "-")
        }
}

/// How many events a consumer has still to process.
private func eventsBehind(_ position: Position, _ last: LSN) -> UInt64 {
    last > position.lsn ? last.rawValue - position.lsn.rawValue : 0
}

extension CheckpointInfo {
    func json(last: LSN) -> JSON {
        .object([
            ("name", .string(name)), ("lsn", position.map { .unsigned($0.lsn.rawValue) } ?? .null),
            ("position", position.map { .string("\($0)") } ?? .null),
            ("behind", position.map { .unsigned(eventsBehind($0, last)) } ?? .null),
            ("time", time.map { .string(timestamp($0)) } ?? .null),
            ("stateBytes", stateBytes.map { .integer($0) } ?? .null), ("damage", damage?.json ?? .null),
        ])
    }
}

extension Checkpoint {
    func json(last: LSN) -> JSON {
        .object([
            ("name", .string(name)), ("lsn", .unsigned(position.lsn.rawValue)), ("position", .string("\(position)")),
            ("behind", .unsigned(eventsBehind(position, last))), ("time", .string(timestamp(time))),
            ("stateBytes", state.map { .integer($0.count) } ?? .null),
            ("state", state.flatMap { String(validating: $0, as: UTF8.self) }.map { .string($0) } ?? .null),
        ])
    }

    func text(last: LSN) -> String {
        "checkpoint \(name): LSN \(position.lsn), \(eventsBehind(position, last)) behind, saved \(timestamp(time))"
            + (state.map { ", \(naturalSize(UInt64($0.count))) of state" } ?? "") + "\nposition \(position)"
    }
}
