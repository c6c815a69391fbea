/// What a writing process says of itself while it runs, in 32 bytes: before it does something that a crash may leave half
/// done, and after it was told that something is done.
struct Mark {
    enum Kind: UInt32 {
        /// The log is open: `generation` owns the events from LSN `a` on; the oldest is `b`.
        case began = 1
        /// Events up to `a` are about to be appended.
        case submitting
        /// All up to `a` was reported written, or durable.
        case written
        case durable
        /// Events before `a` may be dropped; were reported dropped.
        case dropping
        case dropped
        /// Events behind `a` are about to be cut off; were reported cut off, and `generation` owns what comes.
        case cutting
        case cut
        /// The checkpoint `name` is about to be changed by change number `a`, to LSN `b` less 1, or removed (0); was.
        case changing
        case changed
        /// A call failed as it may on a bad disk.
        case failed
    }

    static let size = 32

    var kind: Kind
    var name: UInt32 = 0
    var generation: UInt64 = 0
    var a: UInt64 = 0
    var b: UInt64 = 0

    init(_ kind: Kind, generation: UInt64 = 0, _ a: UInt64 = 0, _ b: UInt64 = 0, name: UInt32 = 0) {
        self.kind = kind
        self.name = name
        self.generation = generation
        self.a = a
        self.b = b
    }

    /// Reads one from its bytes; nil if there is none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size, let kind = Kind(rawValue: bytes.loadUnaligned(as: UInt32.self)) else {
            return nil
        }
        func word(_ offset: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        self.init(
            kind, generation: word(8), word(16), word(24),
            name: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: kind.rawValue) { bytes += $0 }
        withUnsafeBytes(of: name) { bytes += $0 }
        for word in [generation, a, b] { withUnsafeBytes(of: word) { bytes += $0 } }
        return bytes
    }
}
