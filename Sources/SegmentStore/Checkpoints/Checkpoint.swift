/// A named, durable position of a consumer, with its own state stored atomically with it.
public struct Checkpoint: Sendable, Hashable {
    /// The consumer's name.
    public var name: String
    /// The event last processed; the consumer resumes behind it.
    public var position: Position
    /// When it was saved, by the wall clock.
    public var time: EventTime
    /// What the consumer stored with it; nil if nothing was.
    public var state: [UInt8]?

    package init(name: String, position: Position, time: EventTime, state: [UInt8]?) {
        self.name = name
        self.position = position
        self.time = time
        self.state = state
    }

    /// The longest name.
    public static let nameLengthMax = 100

    /// The largest state, in bytes: 16 MiB.
    public static let stateBytesMax = 16 << 20

    /// Whether a checkpoint can have the name: 1 to 100 characters of a–z, 0–9, `.`, `_` and `-`.
    public static func isName(_ name: String) -> Bool {
        (1...nameLengthMax).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }

    static func check(name: String) throws(WalError) {
        guard isName(name) else {
            let shown = name.unicodeScalars.prefix(nameLengthMax + 20).map { $0.escaped(asASCII: true) }.joined()
            throw WalError(
                .invalidArgument,
                "a checkpoint can't be named \"\(shown)\"; a name is 1 to \(nameLengthMax) characters of a-z, 0-9, '.', '_' and '-'"
            )
        }
    }
}

/// A checkpoint as listed: all of it but the state.
public struct CheckpointInfo: Sendable, Hashable {
    /// The consumer's name.
    public var name: String
    /// The path of its file.
    public var path: String
    /// The event last processed; nil if the file is damaged.
    public var position: Position?
    /// When it was saved, by the wall clock; nil if the file is damaged.
    public var time: EventTime?
    /// The size of the stored state in bytes; nil if there is none, or if the file is damaged.
    public var stateBytes: Int?
    /// What is wrong with the file, if anything: the checkpoint can't be read, and holds back retention altogether.
    public var damage: WalError?

    package init(
        name: String, path: String, position: Position? = nil, time: EventTime? = nil, stateBytes: Int? = nil,
        damage: WalError? = nil
    ) {
        self.name = name
        self.path = path
        self.position = position
        self.time = time
        self.stateBytes = stateBytes
        self.damage = damage
    }
}
