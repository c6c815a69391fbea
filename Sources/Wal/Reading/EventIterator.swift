public import SegmentStore
public import Synchronization
internal import WalPlatform

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
    /// All that the caller's code does not touch; where the rest lies must not depend on the store's types.
    private let source: Source
    /// The rest of the frame the iterator is in; stepping through it is compiled into the caller. Nil where times are wanted.
    @usableFromInline var run: RecordRun?
    /// Of the core's queue.
    @usableFromInline let readingWord: UnsafeMutablePointer<Atomic<UInt64>>
    /// What was seen of it.
    @usableFromInline var readingState: UInt64
    /// See `ForkMark`: in a forked child the word has another value than that which was seen here.
    @usableFromInline let forks: UnsafePointer<UInt32>
    @usableFromInline let forksSeen: UInt32
    /// Of the frame it is in.
    @usableFromInline private(set) var epoch: UInt32 = 0
    @usableFromInline private(set) var incarnation: UInt64 = 0

    private final class Source {
        let core: LogCore
        /// The times of the events wanted; nil: all.
        let times: TimeRange?
        /// The rest of the frame, where events of some times alone are wanted.
        var filtered: RecordRun?
        var cursor: LogCursor

        init(_ cursor: consuming LogCursor, _ core: LogCore, _ times: TimeRange?) {
            self.core = core
            self.times = times
            self.cursor = cursor
        }
    }

    init(cursor: consuming LogCursor, core: LogCore, times: TimeRange? = nil) {
        source = Source(cursor, core, times)
        readingWord = core.queue.readingWord
        (forks, forksSeen) = core.queue.process.word
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

    @inlinable
    mutating func forEach<Failure: Error>(
        _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        while let event = try next() {
            if try body(event) == .stop { return }
        }
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
        if readingWord.pointee.load(ordering: .acquiring) == readingState, forks.pointee == forksSeen,
            let view = run?.next()
        {
            return view
        }
        return try nextViewBehindRun()
    }

    @usableFromInline
    mutating func nextViewBehindRun() throws(WalError) -> RecordView? {
        do throws(WalError) {
            return try stepBehindRun()
        } catch {
            // The frame's memory may have gone with the error; and every later step must look at everything again.
            run = nil
            source.filtered = nil
            readingState = .max
            throw error
        }
    }

    private mutating func stepBehindRun() throws(WalError) -> RecordView? {
        if source.core.queue.readingState != readingState { try lookAround() }
        guard let times = source.times else {
            while true {
                if let view = run?.next() { return view }
                run = try nextFrame(after: run)
                if run == nil { return nil }
            }
        }
        while true {
            while let view = source.filtered?.next() {
                if times.contains(view.time) { return view }
            }
            source.filtered = try nextFrame(after: source.filtered)
            if source.filtered == nil { return nil }
        }
    }

    private mutating func nextFrame(after used: RecordRun?) throws(WalError) -> RecordRun? {
        let following = try source.cursor.nextRun(after: used)
        (epoch, incarnation) = (source.cursor.epoch, source.cursor.incarnation)
        return following
    }

    /// The log was closed, or events were cut off, or something that is no matter here.
    @inline(never)
    private mutating func lookAround() throws(WalError) {
        readingState = source.core.queue.readingState
        switch source.core.queue.phase {
        case .closed: throw source.core.closedError
        case .forked: throw source.core.forkedError
        default: break
        }
        guard var rest = run ?? source.filtered, !rest.isEmpty else { return }
        _ = try source.cursor.mayGive(rest.nextLSN, before: &rest)
        if source.times == nil { run = rest } else { source.filtered = rest }
    }
}
