internal import SegmentStore

/// Pulls the events of a log one by one; ends at the newest that was written when it was made.
///
/// ```swift
/// var events = try log.iterator()
/// while let event = try events.next() { … }
/// ```
///
/// Not for several threads at once. It holds the segment it is in, so that truncation and closing never pull memory
/// away; after ``WriteAheadLog/close()`` the next step throws `closed`.
public struct EventIterator: ~Copyable {
    private var cursor: LogCursor
    /// The rest of the frame the iterator is in; stepping through it needs no call of the store.
    private var run: RecordRun?
    private let core: LogCore
    private let queue: AppendQueue
    /// What was seen of the queue's.
    private var readingState: UInt64
    /// The times of the events wanted; nil: all.
    private let times: TimeRange?

    init(cursor: consuming LogCursor, core: LogCore, times: TimeRange? = nil) {
        self.times = times
        self.cursor = cursor
        self.core = core
        queue = core.queue
        // None that can be seen: the first step looks at everything.
        readingState = .max
    }

    /// The next event, in the log's memory, or nil behind the last.
    ///
    /// The event ends with the next step; keep it with ``BorrowedEvent/owned()``. Blocks for disk reads.
    ///
    /// - Throws: `corrupted`, `missingSegment`, `truncated` if the next segment was dropped meanwhile,
    ///   `stalePosition` if an event it has given out was cut off, `closed`,
    ///   `tooManyOpenFiles`, `io`. Nothing follows after an error.
    @_lifetime(&self)
    public mutating func next() throws(WalError) -> BorrowedEvent? {
        guard let view = try nextView() else { return nil }
        return BorrowedEvent(view, epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    /// The next event with memory of its own, or nil behind the last.
    ///
    /// - Throws: as ``next()``.
    public mutating func nextOwned() throws(WalError) -> Event? {
        guard let view = try nextView() else { return nil }
        return Event(view, epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    @inline(__always)
    private mutating func nextView() throws(WalError) -> RecordView? {
        if queue.readingState != readingState { try lookAround() }
        while true {
            if let view = run?.next() {
                if let times, !times.contains(view.time) { continue }
                return view
            }
            guard let following = try cursor.nextRun(after: run) else {
                run = nil
                return nil
            }
            run = following
        }
    }

    /// The log was closed, or events were cut off, or something that is no matter here.
    @inline(never)
    private mutating func lookAround() throws(WalError) {
        readingState = queue.readingState
        guard queue.phase != .closed else { throw core.closedError }
        guard var rest = run, !rest.isEmpty else { return }
        _ = try cursor.mayGive(rest.nextLSN, before: &rest)
        run = rest
    }
}
