/// What a log keeps: limits that are combined, so that a segment goes if any of them says so.
///
/// Always whole segments go, from the oldest on and without a gap, and never the active one. So a log can be above a limit by
/// what is in hand: the active segment, what was rolled and not yet settled when the limits were looked at last (at most eight
/// segments), four segments that may be settled before they are looked at again, and what one write fills meanwhile.
public struct Retention: Sendable, Hashable {
    /// The most bytes of segment files to keep; nil: any number. Counts the sizes of the files (compressed ones as they are
    /// on disk), of a segment that is not sealed yet the bytes used.
    public var maxBytes: UInt64?
    /// How long to keep events after they were written; nil: for ever. A segment's age is that of its newest *frame time*: when
    /// its last event was written by the wall clock, whatever times the events carry. A clock that was wrong for a while makes
    /// nothing go early: see ``RetentionReport/ageDoubts``.
    public var maxAge: Duration?
    /// The most segments to keep, the active one included; nil: any number; at least 1.
    public var maxSegments: Int?
    /// Whether events go that a checkpoint's consumer has not processed. Else checkpoints hold back the segments they still
    /// need, a damaged one all of them.
    public var overridesCheckpoints: Bool

    /// Makes a policy; without any limit it keeps everything.
    public init(
        maxBytes: UInt64? = nil, maxAge: Duration? = nil, maxSegments: Int? = nil, overridesCheckpoints: Bool = false
    ) {
        self.maxBytes = maxBytes
        self.maxAge = maxAge
        self.maxSegments = maxSegments
        self.overridesCheckpoints = overridesCheckpoints
    }

    /// Whether there is no limit.
    public var keepsEverything: Bool { maxBytes == nil && maxAge == nil && maxSegments == nil }

    /// Refuses limits that can't be used, naming the limit.
    package func validate() throws(WalError) {
        if let maxBytes, maxBytes < 1 {
            throw WalError(.invalidArgument, "retention's maxBytes can't be \(maxBytes); it must be at least 1")
        }
        if let maxSegments, maxSegments < 1 {
            throw WalError(.invalidArgument, "retention's maxSegments can't be \(maxSegments); it must be at least 1")
        }
        if let maxAge, maxAge <= .zero {
            throw WalError(.invalidArgument, "retention's maxAge can't be \(maxAge); it must be above zero")
        }
    }

    var maxAgeNanoseconds: Int64? { maxAge.map { $0.clampedNanoseconds } }
}

extension Duration {
    /// Nanoseconds, rounded down, at most some 292 years.
    fileprivate var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowed) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflowed ? .max : sum
    }
}
