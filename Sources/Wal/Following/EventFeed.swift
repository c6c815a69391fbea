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
    private var start: UInt64
    private let last: UInt64?
    private let delivery: Delivery
    private var cursor: FollowCursor?
    private var run: RecordRun?
    /// Read ahead; given out from `taken` on.
    private var events: [Event] = []
    private var taken = 0
    private var failure: WalError?
    private var hasEnded = false
    /// The event given out last, and the cuts there had been when it was known to be of the log.
    private var given: Position?
    private var cuts: UInt64
    /// Events were cut off: what was given out must be looked at before reading goes on.
    private var mustCheck = false
    /// Whether the start was looked at: after a cut the log may end below it.
    private var hasBegun: Bool

    /// - Parameter position: of an event that was given out before, which must still be there.
    init(
        _ core: LogCore, from start: UInt64, through last: UInt64?, delivery: Delivery, after position: Position? = nil
    ) {
        given = position
        mustCheck = position != nil
        hasBegun = position != nil
        self.core = core
        self.start = start
        self.last = last
        self.delivery = delivery.resolved(core.options)
        cuts = core.store.cuts
    }

    /// An event that is in memory already. Throws what ended the feed, once all read before it is given out.
    func take() throws(WalError) -> Event? {
        if failure == nil {
            do throws(WalError) { try core.checkFollowable() } catch { finish(error) }
        }
        if core.store.cuts != cuts { noteCut() }
        if taken < events.count {
            taken += 1
            given = events[taken - 1].position
            return events[taken - 1]
        }
        if let failure { throw failure }
        return nil
    }

    var isOver: Bool { hasEnded && taken == events.count }

    /// What was read ahead may be cut off: it is read anew, behind what was given out if that is still there.
    private func noteCut() {
        cuts = core.store.cuts
        mustCheck = true
        run = nil
        cursor = nil
        events = []
        taken = 0
        if failure?.code == .stalePosition { failure = nil }
        if failure == nil { hasEnded = false }
        if let given { start = max(start, given.lsn.rawValue + 1) }
    }

    /// Reads on, blocking.
    func fill() -> Outcome {
        guard !hasEnded, failure == nil else { return .end }
        events.removeAll(keepingCapacity: true)
        taken = 0
        do throws(WalError) {
            try core.checkProcess()
            if mustCheck, let given { try core.store.check(given) }
            mustCheck = false
            if cursor == nil {
                // Like a replay, a range ends at the newest event that is written when reading begins.
                let end = last.map { min($0, core.store.writtenLSN) }
                cursor = try FollowCursor(
                    core, from: start, through: end, delivery: delivery, checksEnd: !hasBegun)
                hasBegun = true
            }
            var bytes = 0
            while events.count < Self.chunkEvents, bytes < Self.chunkBytes {
                if let view = run?.next() {
                    bytes += view.payload.count + (view.meta?.count ?? 0) + (view.key?.count ?? 0)
                    events.append(Event(view, epoch: cursor?.epoch ?? 0, incarnation: cursor?.incarnation ?? 0))
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
        try core.checkProcess()
        try cursor?.beginWait()
        defer { cursor?.endWait() }
        let lsn = cursor?.nextLSN ?? 0
        try await core.signals.tasks.wait(for: delivery == .written ? .written(lsn) : .durable(lsn)) {
            isOver() || cursor?.hasNews() ?? true
        } started: {
        }
    }
}
