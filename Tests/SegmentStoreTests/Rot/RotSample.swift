import SegmentStore
import WalSimulation

/// A small log at rest, every byte of which is going to rot in turn.
struct RotSample: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// Sealed segments, one being written, checkpoints; closed in order, so that all lies below the watermark.
        case closed
        /// The same, killed: above the watermark frames vouch for those before them.
        case killed
        /// With the room of the active segment set aside.
        case allocated
        case compressed
        /// Compressed with a dictionary.
        case trained
    }

    let kind: Kind
    let disk: SimulatedDisk
    let events: [UInt64: [UInt8]]
    let checkpoints: [String: Checkpoint]
    /// The newest event that something on the disk says is on stable storage.
    let vouchedLSN: UInt64
    /// All files but the lock's, which is empty.
    let paths: [String]

    static let all: [Kind: RotSample] = {
        var samples: [Kind: RotSample] = [:]
        for kind in Kind.allCases { samples[kind] = try? RotSample(kind) }
        return samples
    }()

    private init(_ kind: Kind) throws {
        self.kind = kind
        disk = SimulatedDisk()
        var options = StoreHarness.smallSegments
        options.preallocation = kind == .allocated ? .allocated : .growing
        let log = try StoreHarness(disk, options: options)
        var events: [UInt64: [UInt8]] = [:]
        for segment in 0..<3 {
            if segment > 0 {
                _ = try log.store.rotate()
                try log.maintain()
            }
            // Two events to a frame, one, and two again; more of them where blocks of a compressed segment are to be filled.
            let isLarge = kind == .compressed || kind == .trained
            for count in isLarge && segment < 2 ? [2, 1, 2, 3, 2] : [2, 1, 2] {
                let size = isLarge && segment < 2 ? 900 : 50
                let first = log.store.writtenLSN + 1
                let group = (first..<first + UInt64(count)).map { StoreSample.event($0, size: size) }
                for (number, event) in group.enumerated() { events[first + UInt64(number)] = event }
                try log.append(group)
                try log.store.sync()
            }
        }
        try log.store.setCheckpoint("a", at: log.store.position(of: 3), state: Array(1...40))
        try log.store.setCheckpoint("b", at: log.store.position(of: 7), state: nil)
        checkpoints = ["a": try log.store.checkpoint("a"), "b": try log.store.checkpoint("b")]
        switch kind {
        case .closed, .allocated: try log.store.closeCleanly()
        case .killed: try log.store.abandon()
        case .compressed, .trained:
            try log.compress(.zstd(level: 1, blockSize: 4096, dictionarySize: kind == .trained ? 1024 : 0))
            try log.store.closeCleanly()
        }
        self.events = events
        let last = events.keys.max() ?? 0
        // Nothing vouches for the last group of a log that was killed.
        vouchedLSN = kind == .killed ? last - 2 : last
        paths = disk.files().filter { !$0.hasSuffix(FileNames.lock) }
    }
}

/// What becomes of a byte.
enum RotPattern: String, Sendable, CaseIterable {
    /// One bit flips.
    case bit
    /// All bits become 0, or 1 where they were 0.
    case blank
    /// It becomes any other byte.
    case noise

    /// The bits that change.
    func mask(_ byte: UInt8, at offset: Int) -> UInt8 {
        var generator = SeededGenerator(seed: testSeed &+ UInt64(offset) &* 0x9E37_79B9)
        let random = generator.next() >> 16
        return switch self {
        case .bit: 1 << (random & 7)
        case .blank: byte == 0 ? 0xFF : byte
        case .noise: UInt8(1 + random % 255)
        }
    }
}
