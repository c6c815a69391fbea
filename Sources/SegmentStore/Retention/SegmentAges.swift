import WalPlatform

/// From when a segment counts, for retention by age, in a log whose clock may have been wrong at times.
///
/// Nothing may go early because a clock was wrong. A segment's own newest time is what counts unless it
///
/// - is not known (a damaged footer),
/// - lies in the future, or before any log of this format was written: the clock was not set,
/// - is earlier than that of a segment before it, or than the log itself: the clock was behind,
/// - is later than those of three segments behind it that agree with one another: the clock was ahead.
///
/// Such a segment counts as the next one behind it whose time is believed, which was written later; without any it is kept.
/// Fewer than three later segments prove nothing: it may be they that are wrong, and what counts is the later time.
struct SegmentAges {
    /// How many segments are looked at behind one.
    static let window = 16
    /// How many later segments prove a time wrong.
    static let proof = 3
    /// How far a time may be in the future.
    static let tolerance: Int64 = RetentionClock.tolerance
    /// The beginning of 2020: no log of this format is older, so a clock that says so was not set.
    static let earliest: Int64 = 1_577_836_800_000_000_000

    struct Judgement {
        /// The newest time of its frames.
        var own: Int64?
        /// From when it counts; nil: it is kept.
        var countsAs: Int64?
        /// The segment whose time that is.
        var source: Int
        var reason: RetentionReport.AgeDoubt.Reason?
    }

    private let count: Int
    private let now: Int64
    private let created: Int64
    private let read: (Int) throws(WalError) -> Int64?
    private var times: [Int: Int64?] = [:]
    /// From when the segment before counts, or one that went earlier.
    private var newest: Int64

    /// - Parameters:
    ///   - created: when the log was made.
    ///   - newestGone: from when the newest segment counted that has gone.
    ///   - read: the newest time of a frame of a segment.
    init(
        count: Int, now: Int64, created: Int64, newestGone: Int64, read: @escaping (Int) throws(WalError) -> Int64?
    ) {
        self.count = count
        self.now = now
        self.created = created
        self.read = read
        newest = newestGone <= now ? newestGone : .min
    }

    /// Judges a segment; to be asked in order, from the oldest on.
    mutating func judge(_ index: Int) throws(WalError) -> Judgement {
        if index == 0, try mayBelieveCreation() { newest = max(newest, created) }
        let own = try time(index)
        let reason = try doubt(index, own)
        guard reason != nil else {
            newest = max(newest, own ?? .min)
            return Judgement(own: own, countsAs: own, source: index, reason: nil)
        }
        for later in index + 1..<max(index + 1, min(count, index + 1 + Self.window)) {
            guard let time = try time(later), try doubt(later, time) == nil else { continue }
            newest = max(newest, time)
            return Judgement(own: own, countsAs: time, source: later, reason: reason)
        }
        return Judgement(own: own, countsAs: nil, source: index, reason: reason)
    }

    /// Where some segments are older than the log is said to be, the clock was ahead when it was made.
    private mutating func mayBelieveCreation() throws(WalError) -> Bool {
        guard created <= now else { return false }
        let early = try plausible(0..<min(count, Self.window)).filter { $0 < created }
        return Self.longestRise(early) < Self.proof
    }

    private mutating func doubt(_ index: Int, _ own: Int64?) throws(WalError) -> RetentionReport.AgeDoubt.Reason? {
        guard let own else { return .unknown }
        if isFuture(own) { return .future }
        if isUnset(own) { return .unset }
        if own < newest { return .behind }
        let later = try plausible(index + 1..<max(index + 1, min(count, index + 1 + Self.window)))
        let earlier = Self.longestRise(later.filter { $0 < own })
        return earlier >= Self.proof && earlier > later.count(where: { $0 >= own }) ? .ahead : nil
    }

    private mutating func plausible(_ range: Range<Int>) throws(WalError) -> [Int64] {
        var found: [Int64] = []
        for index in range {
            if let time = try time(index), !isFuture(time), !isUnset(time) { found.append(time) }
        }
        return found
    }

    private func isFuture(_ time: Int64) -> Bool { time.subtractingClamped(now) > Self.tolerance }

    private func isUnset(_ time: Int64) -> Bool { now >= Self.earliest && time < Self.earliest }

    private mutating func time(_ index: Int) throws(WalError) -> Int64? {
        if let known = times[index] { return known }
        let found = try read(index)
        times[index] = .some(found)
        return found
    }

    /// The length of the longest part, not necessarily in a row, that never falls.
    static func longestRise(_ times: [Int64]) -> Int {
        // The smallest last time of a part of each length.
        var ends: [Int64] = []
        for time in times {
            let place = ends.partitionPoint { $0 <= time }
            if place == ends.count { ends.append(time) } else { ends[place] = time }
        }
        return ends.count
    }
}
