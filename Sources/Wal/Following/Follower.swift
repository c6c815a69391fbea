internal import SegmentStore
internal import WalPlatform

/// Pulls the events of a log one by one and waits for those to come.
///
/// ```swift
/// var follower = try log.follow(from: position)
/// while let event = try follower.next() { … }
/// ```
///
/// Every event comes once, in order, whatever happens to the files meanwhile: rolls, sealing, compression, retention. Not for
/// several threads at once. It holds the segment it is in and no other; dropping it frees that. It doesn't keep the log
/// open: a log that is dropped closes, and the follower throws `closed`.
public struct Follower: ~Copyable {
    var cursor: FollowCursor
    private let presence: FollowerPresence
    /// The rest of the frame the follower is in.
    private var run: RecordRun?
    private var hasEnded = false
    private var failure: WalError?
    /// What was seen of the queue's; none at first.
    private var readingState = UInt64.max

    /// Ends the wait from another thread.
    public let cancellation: FollowCancellation

    init(_ cursor: consuming FollowCursor) {
        cancellation = FollowCancellation(cursor.core.signals.followers)
        presence = FollowerPresence(cursor.core)
        self.cursor = cursor
    }

    /// The next event, in the log's memory; waits for it. Nil once the log was shut down and its last event given out.
    ///
    /// The event ends with the next step; keep it with ``BorrowedEvent/owned()``. Blocks for disk reads, and for as long as
    /// there is no further event; sleeps meanwhile. Of a log that was shut down the rest can still be read.
    ///
    /// - Parameter timeout: how long to wait for an event; nil: as long as it takes. Zero doesn't wait.
    /// - Throws: `timedOut` if none came in time: the next call goes on. Nothing follows after the other errors, which come
    ///   again: `truncated` with the events missed, if the next event was dropped before it was read; `stalePosition` if
    ///   events already given out were cut off; `failed`, behind the last event that counts, if the log has failed; `closed`
    ///   if it was closed; `cancelled`; `noThread`; `corrupted`, `missingSegment`, `tooManyOpenFiles`, `io`.
    @_lifetime(&self)
    public mutating func next(timeout: Duration? = nil) throws(WalError) -> BorrowedEvent? {
        guard let view = try nextView(timeout) else { return nil }
        return BorrowedEvent(view, epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    /// The next event with memory of its own; waits for it. Nil once the log was shut down and its last event given out.
    ///
    /// - Parameter timeout: how long to wait for an event; nil: as long as it takes.
    /// - Throws: as ``next(timeout:)``.
    public mutating func nextOwned(timeout: Duration? = nil) throws(WalError) -> Event? {
        guard let view = try nextView(timeout) else { return nil }
        return Event(view, epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    /// How many events the follower could get now without waiting, but for those of the group it is in.
    public var lag: UInt64 { cursor.lag }

    /// Of the event given out last.
    var epoch: UInt32 { cursor.epoch }
    var incarnation: UInt64 { cursor.incarnation }

    @inline(__always)
    mutating func nextView(_ timeout: Duration?) throws(WalError) -> RecordView? {
        if cursor.core.queue.readingState != readingState || cancellation.isCancelled { try lookAround() }
        if let view = run?.next() { return view }
        return try nextViewBehindRun(timeout)
    }

    /// The log was closed, or events were cut off, or something that is no matter here.
    @inline(never)
    private mutating func lookAround() throws(WalError) {
        readingState = cursor.core.queue.readingState
        do throws(WalError) {
            try checkGoesOn()
            guard var rest = run, !rest.isEmpty else { return }
            _ = try cursor.mayGive(rest.nextLSN, before: &rest)
            run = rest
        } catch {
            failure = failure ?? error
            run = nil
            throw error
        }
    }

    @inline(never)
    private mutating func nextViewBehindRun(_ timeout: Duration?) throws(WalError) -> RecordView? {
        if hasEnded { return nil }
        if let failure { throw failure }
        do throws(WalError) {
            var deadline: Int64?
            while true {
                switch try cursor.step(after: run) {
                case .events(var following):
                    let view = following.next()
                    run = following
                    if let view { return view }
                case .end:
                    run = nil
                    hasEnded = true
                    return nil
                case .wait:
                    run = nil
                    if deadline == nil, let timeout { deadline = Self.deadline(in: timeout) }
                    try wait(until: deadline)
                }
            }
        } catch {
            // The frame's memory may have gone with the error.
            run = nil
            if error.code != .timedOut { failure = error }
            throw error
        }
    }

    private mutating func wait(until deadline: Int64?) throws(WalError) {
        try cursor.beginWait()
        defer { cursor.endWait() }
        let word = cursor.core.signals.followers.word(cursor.delivery)
        while true {
            let seen = word.load()
            try checkGoesOn()
            if cursor.hasNews() { return }
            let left = deadline.map { $0 - SystemClock.monotonicNanoseconds() }
            if let left, left <= 0 {
                throw WalError(.timedOut, "no event came in time", path: cursor.core.path)
            }
            word.wait(while: seen, timeoutNanoseconds: left)
        }
    }

    private mutating func checkGoesOn() throws(WalError) {
        do throws(WalError) {
            if cancellation.isCancelled {
                throw WalError(.cancelled, "following the log was cancelled", path: cursor.core.path)
            }
            try cursor.core.checkFollowable()
        } catch {
            failure = failure ?? error
            throw failure ?? error
        }
    }

    private static func deadline(in timeout: Duration) -> Int64 {
        let now = SystemClock.monotonicNanoseconds()
        guard timeout > .zero else { return now }
        let (sum, overflow) = now.addingReportingOverflow(timeout.wholeNanoseconds)
        return overflow ? .max : sum
    }
}
