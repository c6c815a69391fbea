public import SegmentStore
public import Synchronization

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
    /// The rest of the frame the iterator is in; stepping through it is compiled into the caller. Nil where times are wanted.
    @usableFromInline var run: RecordRun?
    /// The same, where events of some times alone are wanted.
    private var filtered: RecordRun?
    private let core: LogCore
    /// Of the core's queue.
    @usableFromInline let readingWord: UnsafeMutablePointer<Atomic<UInt64>>
    /// What was seen of it.
    @usableFromInline var readingState: UInt64
    /// Of the frame it is in.
    @usableFromInline private(set) var epoch: UInt32 = 0
    @usableFromInline private(set) var incarnation: UInt64 = 0
    /// The times of the events wanted; nil: all.
    private let times: TimeRange?

    init(cursor: consuming LogCursor, core: LogCore, times: TimeRange? = nil) {
        self.times = times
        self.cursor = cursor
        self.core = core
        readingWord = core.queue.readingWord
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
    @inlinable
    @_lifetime(&self)
    public mutating func next() throws(WalError) -> BorrowedEvent? {
        guard let view = try nextView() else { return nil }
        return BorrowedEvent(view, epoch: epoch, incarnation: incarnation)
    }

    /// The next event with memory of its own, or nil behind the last.
    ///
    /// - Throws: as ``next()``.
    public mutating func nextOwned() throws(WalError) -> Event? {
        guard let view = try nextView() else { return nil }
        return Event(view, epoch: epoch, incarnation: incarnation)
    }

    @inlinable @inline(__always)
    mutating func nextView() throws(WalError) -> RecordView? {
        if readingWord.pointee.load(ordering: .acquiring) == readingState, let view = run?.next() { return view }
        return try nextViewBehindRun()
    }

    @usableFromInline
    mutating func nextViewBehindRun() throws(WalError) -> RecordView? {
        if core.queue.readingState != readingState { try lookAround() }
        guard let times else {
            while true {
                if let view = run?.next() { return view }
                guard try nextFrame(after: run) else { return nil }
            }
        }
        while true {
            while let view = filtered?.next() {
                if times.contains(view.time) { return view }
            }
            guard try nextFrame(after: filtered) else { return nil }
        }
    }

    private mutating func nextFrame(after used: RecordRun?) throws(WalError) -> Bool {
        let following = try cursor.nextRun(after: used)
        if times == nil { run = following } else { filtered = following }
        (epoch, incarnation) = (cursor.epoch, cursor.incarnation)
        return following != nil
    }

    /// The log was closed, or events were cut off, or something that is no matter here.
    @inline(never)
    private mutating func lookAround() throws(WalError) {
        readingState = core.queue.readingState
        guard core.queue.phase != .closed else { throw core.closedError }
        guard var rest = times == nil ? run : filtered, !rest.isEmpty else { return }
        _ = try cursor.mayGive(rest.nextLSN, before: &rest)
        if times == nil { run = rest } else { filtered = rest }
    }
}
