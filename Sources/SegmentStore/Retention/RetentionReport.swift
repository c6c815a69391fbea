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
        /// From when it counts for its age: `newestFrameTime`, unless that is not believed (``RetentionReport/ageDoubts``); nil
        /// where that was not asked, or it is kept for want of a time.
        public var countsAs: EventTime?
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

    /// A segment that doesn't count from the newest time in it, or not by the clock as it is.
    public struct AgeDoubt: Sendable, Hashable {
        /// Why.
        public enum Reason: String, Sendable, Hashable, CaseIterable {
            /// Its footer is damaged.
            case unknown
            /// Its time has not come yet.
            case future
            /// Its time is before 2020: the clock was not set.
            case unset
            /// A segment before it, or the log itself, is newer.
            case behind
            /// At least three segments behind it are older, and agree.
            case ahead
            /// The clock was set forward after it was written, while the log was open.
            case clockSetForward = "clock-set-forward"
        }

        /// Its events.
        public var lsns: ClosedRange<LSN>
        /// The newest time of its frames, if it is known.
        public var newestFrameTime: EventTime?
        /// From when it counts: the time of the next segment that is believed; nil: it is kept until there is one.
        public var countsAs: EventTime?
        /// Why.
        public var reason: Reason

        package init(
            lsns: ClosedRange<LSN>, newestFrameTime: EventTime?, countsAs: EventTime?, reason: Reason
        ) {
            self.lsns = lsns
            self.newestFrameTime = newestFrameTime
            self.countsAs = countsAs
            self.reason = reason
        }
    }

    /// What is wrong with the wall clock. Nothing goes early because of it.
    public enum ClockTrouble: Sendable, Hashable {
        /// The wall clock has moved against the monotonic one since the last pass by this much. What was written before that
        /// ages by the clock as it was, if it was set forward, until the log is opened again.
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
    /// What is wrong with the wall clock, if something is.
    public var clockTrouble: ClockTrouble?
    /// The segments looked at whose age was told otherwise than by their newest time, oldest first; at most 64. The last of them
    /// may be the one that holds what follows.
    public var ageDoubts: [AgeDoubt] = []
    /// The oldest event kept after it.
    public var firstLSN: LSN = 0
    /// Segments kept after it, the active one included.
    public var segmentCount = 0
    /// Bytes kept after it, counted as ``Retention/maxBytes`` counts them; nil if the policy has no such limit.
    public var bytes: UInt64?

    static let ageDoubtsMax = 64

    package init() {}

    /// The bytes of the segments that went.
    public var removedBytes: UInt64 { removed.reduce(UInt64(0)) { $0.addingClamped($1.bytes) } }
}
