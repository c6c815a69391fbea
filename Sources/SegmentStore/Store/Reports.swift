/// What opening a log found and did.
public struct RecoveryReport: Sendable, Hashable {
    /// How the end of the log was found.
    public enum Outcome: String, Sendable, Hashable {
        /// The log did not exist and was made.
        case created
        /// The log had been shut down in order.
        case clean
        /// The log had been stopped without closing it; every frame found is whole.
        case unclean
        /// The log had been stopped in the middle of a write; the torn part, never acknowledged as durable, was cut.
        case tornTail
        /// Durable data was damaged or missing; on request all before it was kept and the rest put aside.
        case pointInTime
        /// Another process is writing; the end was still in motion (read-only open).
        case inProgress
    }

    /// How the end of the log was found.
    public var outcome: Outcome
    /// The oldest event kept; one above `lastLSN` if the log is empty.
    public var firstLSN: LSN
    /// The newest event found.
    public var lastLSN: LSN
    /// The newest event known to be on stable storage when opening returned. Those above it are written again at once.
    public var durableLSN: LSN
    /// The epoch of this open.
    public var epoch: UInt32
    /// Segment files in use.
    public var segmentCount: Int
    /// Segment files whose frames were read to find the end.
    public var segmentsScanned: Int
    /// Bytes of frames read to find the end.
    public var bytesScanned: UInt64
    /// Bytes cut off as a torn tail or put aside.
    public var bytesCut: UInt64
    /// Names of the files made in the quarantine folder.
    public var quarantined: [String]
    /// Names of files whose torn part was cut without a copy in the quarantine folder: it was too long, or there was no room.
    /// Nothing in it was ever acknowledged as durable.
    public var notKept: [String]
    /// Names of left-over files (unfinished, or below the first LSN kept) that were removed.
    public var removed: [String]
    /// Names of left-over files that could not be removed. They hold nothing of the log and keep nothing from being done;
    /// removing them is tried again while the log is open, and at the next open.
    public var notRemoved: [String] = []
    /// The damage, if any was found.
    public var damage: WalError?
    /// Whether the lock is one on the file LOCK alone, since the file system can't lock a directory (some network file systems).
    /// Removing or replacing that file while the log is open would let a second writer in. False of a read-only open.
    public var locksFileAlone = false
    /// The events that point-in-time recovery found missing, or gave up: what is left of them is in the quarantine folder.
    public var lost: [ClosedRange<LSN>] = []
    /// What the superblock says that the segments show to be otherwise, as where one of the two was restored from another copy
    /// of the log. No event is concerned, and the next open for writing mends it.
    public var contradictions: [WalError] = []
    /// The rows of the recovery table it came to.
    package var rows = RecoveryRows()
}

/// One segment of a log.
public struct SegmentInfo: Sendable, Hashable {
    /// What a segment is going through.
    public enum State: String, Sendable, Hashable {
        /// Being written.
        case active
        /// Full; not yet known to be on stable storage, or waiting for its index.
        case rolled
        /// Complete, with index and footer; never changes again.
        case sealed
    }

    /// The LSN of its first event, also if that was truncated away: it may be below the log's first.
    public var firstLSN: LSN
    /// The LSN of its last event; one below `firstLSN` if it has none.
    public var lastLSN: LSN
    /// Its place in the series of segments of the log.
    public var sequence: UInt64
    /// What it is going through.
    public var state: State
    /// The path of its file.
    public var path: String
    /// The size of its file in bytes, preallocated space included.
    public var fileSize: UInt64
    /// The bytes up to the end of its frames; of a sealed segment the whole file, index and footer included.
    public var usedBytes: UInt64
    /// Whether its file is compressed.
    public var isCompressed: Bool
    /// The size its file has, or had, uncompressed, in bytes; the same as `fileSize` for one that is not compressed.
    public var rawBytes: UInt64
    /// The oldest and the newest time of its events, of a sealed segment whose footer is intact.
    public var eventTimes: ClosedRange<EventTime>?
    /// The newest time at which a frame of it was written, of a sealed segment whose footer is intact.
    public var newestFrameTime: EventTime?
}

/// What reading all of a log found.
public struct VerifyReport: Sendable, Hashable {
    /// One thing that is wrong.
    public struct Finding: Sendable, Hashable {
        /// How bad it is.
        public enum Kind: String, Sendable, Hashable {
            /// Durable data is damaged or missing.
            case corruption
            /// The end of the log was being written when it stopped; nothing acknowledged as durable is concerned.
            case tornTail
            /// A writer is at work there.
            case inProgress
            /// Something derivable, such as an index or one of two superblock slots, is damaged; no event is concerned.
            case derivable
            /// A consumer's checkpoint can't be read; no event is concerned.
            case checkpoint
        }

        /// How bad it is.
        public var kind: Kind
        /// What, where, and which events.
        public var error: WalError

        package init(kind: Kind, error: WalError) {
            self.kind = kind
            self.error = error
        }
    }

    /// All that is wrong, in the order of the log.
    public var findings: [Finding]
    /// The oldest event kept.
    public var firstLSN: LSN
    /// The newest event written when the reading began.
    public var lastLSN: LSN
    /// Events whose checksums were verified, those of the oldest segment that were truncated away included.
    public var eventCount: UInt64
    /// Frames whose checksums were verified.
    public var frameCount: UInt64
    /// Segments read.
    public var segmentCount: Int
    /// Bytes of frames read.
    public var byteCount: UInt64

    /// Whether no damage to events was found (a torn tail is none).
    public var isIntact: Bool { !findings.contains { $0.kind == .corruption } }
}
