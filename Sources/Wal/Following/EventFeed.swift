internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// What an iterator over an ``EventSequence`` reads from: events read ahead, some at a time, by a thread that may block.
///
/// Between two events to come it holds no cursor, no buffer and no descriptor: what is read at the end of the log is shared with the
/// others that follow it, at the log's ``FollowDesk``.
///
/// Used by its iterator, and while that is suspended by the one thread that fills it or by whoever looks whether its wait is
/// over; never by two at once. Hence `@unchecked Sendable`.
final class EventFeed: @unchecked Sendable {
    enum Outcome: Sendable {
        case events, wait, end
    }

    /// What one hop to another thread brings, at most.
    private static let chunkEvents = 256

    let core: LogCore
    /// Where to begin, or to go on behind a cut: never before an event that was given out.
    private var start: UInt64
    /// The next event to be read; nil: `start`.
    private var next: UInt64?
    private let last: UInt64?
    /// Like a replay, a range ends at the newest event that is written when reading begins.
    private var rangeEnd: UInt64?
    private let delivery: Delivery
    private var presence: FollowerPresence?
    private var watch: FollowWatch?
    private var reader: FollowReader?
    /// Read ahead; given out from `taken` on.
    private var events: ArraySlice<Event> = []
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
        if let event = events.popFirst() {
            given = event.position
            return event
        }
        // An empty slice would keep the memory of all it was a part of.
        events = []
        if let failure { throw failure }
        return nil
    }

    var isOver: Bool { hasEnded && events.isEmpty }

    /// What was read ahead may be cut off: it is read anew, behind what was given out if that is still there.
    private func noteCut() {
        cuts = core.store.cuts
        mustCheck = true
        reader = nil
        next = nil
        rangeEnd = nil
        events = []
        if failure?.code == .stalePosition { failure = nil }
        if failure == nil { hasEnded = false }
        if let given { start = max(start, given.lsn.rawValue + 1) }
    }

    // MARK: Reading

    /// What there is without reading: events that others have read, or nothing to be read; nil if it must be looked for by `fill`.
    func look() -> Outcome? {
        guard last == nil, !mustCheck, !hasEnded, failure == nil, reader == nil, let next, let watch else { return nil }
        if let error = watch.failure {
            finish(error)
            return .end
        }
        if takeShared() { return .events }
        guard core.horizon(delivery) < next else { return nil }
        switch core.queue.phase {
        case .open, .draining, .diskFull, .readOnly, .paused: return .wait
        case .failed, .closed, .forked: return nil
        }
    }

    private func takeShared() -> Bool {
        guard last == nil, next != nil || start >= max(core.store.firstLSN, 1),
            let shared = core.followDesk.events(
                from: next ?? start, through: core.horizon(delivery), after: given, cuts: cuts),
            let newest = shared.last?.lsn.rawValue
        else { return false }
        events = shared
        next = newest + 1
        hasBegun = true
        return true
    }

    /// Reads on, blocking.
    func fill() -> Outcome {
        guard !hasEnded, failure == nil else { return .end }
        events = []
        var read: [Event] = []
        do throws(WalError) {
            try core.checkProcess()
            if presence == nil { presence = FollowerPresence(core) }
            let watch = self.watch ?? FollowWatch(core, delivery)
            self.watch = watch
            if let error = watch.failure { throw error }
            if mustCheck, let given { try core.store.check(given) }
            mustCheck = false
            // Somebody may have read it since this job was handed over.
            if reader == nil, takeShared() { return .events }
            let (reader, isNew) = try enter(watch)
            let outcome = try readChunk(from: reader, &read)
            if isNew, core.options.readOnly, let given {
                // The one before it would have noticed in the file it held that another process has cut the log.
                do throws(WalError) {
                    try core.store.check(given)
                } catch {
                    read = []
                    throw error
                }
            }
            next = (read.last?.lsn.rawValue).map { $0 + 1 } ?? reader.nextLSN
            reader.given = read.last?.position ?? given
            share(read)
            leave(reader, outcome)
            events = read[...]
            return outcome == .wait && !read.isEmpty ? .events : outcome
        } catch {
            // What was read before it comes first.
            failure = error
            free()
            events = read[...]
            return events.isEmpty ? .end : .events
        }
    }

    /// A reader that stands at the next event: its own, one that another task has left there, or a new one.
    private func enter(_ watch: FollowWatch) throws(WalError) -> (FollowReader, isNew: Bool) {
        if let reader { return (reader, false) }
        if last == nil, let next, let parked = core.followDesk.takeParked(delivery, at: next, after: given) {
            parked.cursor.watch = watch
            reader = parked
            return (parked, false)
        }
        if rangeEnd == nil { rangeEnd = last.map { min($0, core.store.writtenLSN) } }
        var cursor = try FollowCursor(
            core, from: next ?? start, through: rangeEnd, delivery: delivery, checksEnd: !hasBegun)
        if let given { cursor.begin(after: given) }
        hasBegun = true
        let reader = FollowReader(cursor, core.followDesk, after: given)
        self.reader = reader
        return (reader, true)
    }

    private func readChunk(from reader: FollowReader, _ read: inout [Event]) throws(WalError) -> Outcome {
        let chunkBytes = FollowDesk.chunkBytes(followers: core.signals.followers.count.load(ordering: .relaxed))
        var bytes = 0
        while read.count < Self.chunkEvents, bytes < chunkBytes {
            if let view = reader.run?.next() {
                bytes += view.payload.count + (view.meta?.count ?? 0) + (view.key?.count ?? 0)
                read.append(
                    Event(view, epoch: reader.cursor.epoch, incarnation: reader.cursor.incarnation))
                continue
            }
            switch try reader.cursor.step(after: reader.run) {
            case .events(let following): reader.run = following
            case .wait:
                reader.run = nil
                return .wait
            case .end:
                reader.run = nil
                hasEnded = true
                return read.isEmpty ? .end : .events
            }
        }
        return .events
    }

    /// Others may be about to read the same.
    private func share(_ read: [Event]) {
        guard last == nil, !read.isEmpty, core.signals.followers.count.load(ordering: .relaxed) > 1 else { return }
        core.followDesk.add(EventChunk(events: read, before: given, cuts: cuts))
    }

    /// Keeps the reader only if there is more to be read now, and not too many do.
    private func leave(_ reader: FollowReader, _ outcome: Outcome) {
        if hasEnded { return free() }
        if outcome == .wait {
            self.reader = nil
            guard last == nil else { return }
            reader.cursor.rest()
            core.followDesk.park(reader)
        } else if core.followDesk.readerCount.load(ordering: .relaxed) > FollowDesk.readersMax,
            reader.run?.isEmpty ?? true
        {
            // One in the middle of a frame would have to read that again.
            self.reader = nil
        }
    }

    private func free() {
        reader = nil
        presence = nil
    }

    /// Ends the feed and frees what it holds.
    func finish(_ error: WalError) {
        failure = error
        events = []
        free()
    }

    // MARK: Waiting

    /// - Parameter isOver: whether the wait is over for another reason than an event.
    func wait(orUntil isOver: () -> Bool = { false }) async throws(WalError) {
        try core.checkProcess()
        guard var watch, let lsn = next else { return }
        try watch.begin()
        self.watch = watch
        defer { watch.end() }
        let core = self.core
        let cuts = self.cuts
        try await core.signals.tasks.wait(for: delivery == .written ? .written(lsn) : .durable(lsn)) {
            isOver() || core.store.cuts != cuts || watch.hasNews(at: lsn)
        } started: {
        }
    }
}
