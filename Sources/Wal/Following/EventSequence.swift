internal import SegmentStore

/// The events of a log, one by one, for `for try await`.
///
/// ```swift
/// for try await event in log.events(from: position) { … }
/// ```
///
/// Made by ``WriteAheadLog/events(from:delivering:)`` and ``WriteAheadLog/events(from:through:)``. Each iteration starts anew.
/// Files are read some 256 events ahead, on at most four threads for each log, outside of Swift's cooperative pool. What is read at
/// the end of the log is shared: a task that waits for an event holds no thread, no descriptor and no buffer. A task that is cancelled gets `cancelled`, and everything is freed.
public struct EventSequence: AsyncSequence, Sendable {
    /// An event with memory of its own.
    public typealias Element = Event
    /// What the iteration throws.
    public typealias Failure = WalError

    private let core: LogCore
    private let start: UInt64
    private let last: UInt64?
    private let delivery: Delivery

    init(_ core: LogCore, from start: LSN, through last: LSN?, delivery: Delivery) {
        self.core = core
        self.start = start.rawValue
        self.last = last?.rawValue
        self.delivery = delivery
    }

    /// Starts an iteration; reads nothing yet.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(EventFeed(core, from: start, through: last, delivery: delivery))
    }

    /// An iteration over the events.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let feed: EventFeed

        init(_ feed: EventFeed) {
            self.feed = feed
        }

        /// The next event; suspends until there is one. Nil behind the last.
        ///
        /// - Throws: `truncated` with the events missed, if the next event was dropped before it was read, or lies below the
        ///   oldest kept; `notYetWritten` if the start lies beyond the next event; `stalePosition` if events already given
        ///   out were cut off; `failed`, behind the last event that counts, if the log has failed; `closed` if it was
        ///   closed; `cancelled`, `noThread`, `corrupted`, `missingSegment`, `tooManyOpenFiles`, `io`. Nothing follows
        ///   after an error.
        public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws(WalError) -> Event?
        {
            let feed = self.feed
            while true {
                if Task.isCancelled {
                    feed.finish(WalError(.cancelled, "following the log was cancelled", path: feed.core.path))
                }
                if let event = try feed.take() { return event }
                if feed.isOver { return nil }
                let outcome: EventFeed.Outcome
                if let known = feed.look() {
                    outcome = known
                } else {
                    outcome = try await onThread(of: feed.core.followDesk) { feed.fill() }
                }
                switch outcome {
                case .events, .end: continue
                case .wait:
                    do throws(WalError) {
                        try await feed.wait()
                    } catch {
                        feed.finish(error)
                    }
                }
            }
        }
    }
}
