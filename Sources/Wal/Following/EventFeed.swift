internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// What an iterator over an ``EventSequence`` reads from: events read ahead, some at a time, by a thread that may block.
///
/// Used by its iterator, and while that is suspended by the one thread that fills it or by whoever looks whether its wait is
/// over; never by two at once. Hence `@unchecked Sendable`.
final class EventFeed: @unchecked Sendable {
    enum Outcome: Sendable {
        case events, wait, end
    }

    /// What one hop to another thread brings, at most.
    private static let chunkEvents = 256
    private static let chunkBytes = 256 << 10

    let core: LogCore
    private let start: UInt64
    private let last: UInt64?
    private let delivery: Delivery
    private var cursor: FollowCursor?
    private var run: RecordRun?
    /// Read ahead; given out from `taken` on.
    private var events: [Event] = []
    private var taken = 0
    private var failure: WalError?
    private var hasEnded = false

    init(_ core: LogCore, from start: UInt64, through last: UInt64?, delivery: Delivery) {
        self.core = core
        self.start = start
        self.last = last
        self.delivery = delivery.resolved(core.options)
    }

    /// An event that is in memory already. Throws what ended the feed, once all read before it is given out.
    func take() throws(WalError) -> Event? {
        if core.queue.phase == .closed, failure == nil {
            do throws(WalError) { try core.checkFollowable() } catch { finish(error) }
        }
        if taken < events.count {
            taken += 1
            return events[taken - 1]
        }
        if let failure { throw failure }
        return nil
    }

    var isOver: Bool { hasEnded && taken == events.count }

    /// Reads on, blocking.
    func fill() -> Outcome {
        guard !hasEnded, failure == nil else { return .end }
        events.removeAll(keepingCapacity: true)
        taken = 0
        do throws(WalError) {
            if cursor == nil {
                // Like a replay, a range ends at the newest event that is written when reading begins.
                let end = last.map { min($0, core.store.writtenLSN) }
                cursor = try FollowCursor(core, from: start, through: end, delivery: delivery)
            }
            var bytes = 0
            while events.count < Self.chunkEvents, bytes < Self.chunkBytes {
                if let view = run?.next() {
                    bytes += view.payload.count + (view.meta?.count ?? 0) + (view.key?.count ?? 0)
                    events.append(Event(view))
                    continue
                }
                switch try step() {
                case .events(let following): run = following
                case .wait:
                    run = nil
                    return events.isEmpty ? .wait : .events
                case .end:
                    run = nil
                    hasEnded = true
                    cursor = nil
                    return events.isEmpty ? .end : .events
                }
            }
        } catch {
            // What was read before it comes first.
            failure = error
            run = nil
            cursor = nil
            return events.isEmpty ? .end : .events
        }
        return .events
    }

    private func step() throws(WalError) -> FollowStep {
        // There is one since `fill` began.
        try cursor?.step(after: run) ?? .end
    }

    /// Ends the feed and frees what it holds.
    func finish(_ error: WalError) {
        failure = error
        run = nil
        cursor = nil
        events = []
        taken = 0
    }

    // MARK: Waiting

    /// - Parameter isOver: whether the wait is over for another reason than an event.
    func wait(orUntil isOver: () -> Bool = { false }) async throws(WalError) {
        try cursor?.beginWait()
        defer { cursor?.endWait() }
        let lsn = cursor?.nextLSN ?? 0
        try await core.signals.tasks.wait(for: delivery == .written ? .written(lsn) : .durable(lsn)) {
            isOver() || cursor?.hasNews() ?? true
        } started: {
        }
    }
}
