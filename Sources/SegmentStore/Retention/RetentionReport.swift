import WalPlatform

/// What a pass of retention did, or what one would do.
public struct RetentionReport: Sendable, Hashable {
    /// A limit of a policy.
    public enum Limit: String, Sendable, Hashable, CaseIterable {
        /// ``Retention/maxBytes``.
        case bytes
        /// ``Retention/maxAge``.
        case age
        /// ``Retention/maxSegments``.
        case segments
    }

    /// A segment that a limit wants gone.
    public struct Item: Sendable, Hashable {
        /// Its first event.
        public var firstLSN: LSN
        /// Its last event.
        public var lastLSN: LSN
        /// The path of its file.
        public var path: String
        /// Its bytes on disk.
        public var bytes: UInt64
        /// When its newest event was written, where that was asked and is known.
        public var newestFrameTime: EventTime?
        /// The limits that it is above.
        public var limits: [Limit]
        /// The checkpoints that still need it: at most eight of them, the furthest behind first. Empty if it goes.
        public var heldBy: [String]
    }

    /// A checkpoint whose consumer loses events, by ``Retention/overridesCheckpoints``.
    public struct Passed: Sendable, Hashable {
        /// The checkpoint's name.
        public var name: String
        /// The events dropped that it had not processed.
        public var lost: ClosedRange<LSN>

        package init(name: String, lost: ClosedRange<LSN>) {
            self.name = name
            self.lost = lost
        }
    }

    /// Why the limit of age was left out of a pass.
    public enum ClockTrouble: Sendable, Hashable {
        /// The wall clock has moved against the monotonic one since the last pass by this much.
        case jumped(Duration)
        /// The wall clock is behind the newest event of the log by this much.
        case behind(Duration)
    }

    /// The segments that went (in a dry run: would go), oldest first.
    public var removed: [Item] = []
    /// The segments that checkpoints hold back, oldest first.
    public var held: [Item] = []
    /// The checkpoints that the pass went (in a dry run: would go) past.
    public var passed: [Passed] = []
    /// Why the limit of age was left out of this pass, if it was.
    public var clockTrouble: ClockTrouble?
    /// The oldest event kept after it.
    public var firstLSN: LSN = 0
    /// Segments kept after it, the active one included.
    public var segmentCount = 0
    /// Bytes kept after it, counted as ``Retention/maxBytes`` counts them; nil if the policy has no such limit.
    public var bytes: UInt64?

    package init() {}

    /// The bytes of the segments that went.
    public var removedBytes: UInt64 { removed.reduce(UInt64(0)) { $0.addingClamped($1.bytes) } }
}
