internal import SegmentStore
internal import Synchronization

/// What comes next for somebody who follows the log.
enum FollowStep {
    /// The events of a frame, to be used up before the next step.
    case events(RecordRun)
    /// Nothing yet: to be waited for.
    case wait
    /// There will be no more.
    case end
}

/// Where a follower stands, and how far it may go now. Holds the segment it is in; used by one thread at a time.
struct FollowCursor: ~Copyable {
    let core: LogCore
    let delivery: Delivery
    private var cursor: LogCursor
    /// The last event to be given out, if there is one.
    private let last: UInt64?
    var watch: FollowWatch

    /// - Parameters:
    ///   - lsn: the first event; 0: the oldest.
    ///   - last: where it ends; nil: with the log.
    ///   - checksEnd: whether the first event must be there or the next to come; false if it was, before a cut.
    init(
        _ core: LogCore, from lsn: UInt64, through last: UInt64? = nil, delivery: Delivery, checksEnd: Bool = true
    ) throws(WalError) {
        try core.checkFollowable()
        let newest = core.options.readOnly ? core.store.writtenLSN : core.queue.lastAssigned
        if checksEnd, lsn > newest + 1 {
            throw WalError(
                .notYetWritten, "LSN \(lsn) is not yet written; the newest event is \(newest)", path: core.path,
                lsns: lsn.range)
        }
        let delivery = delivery.resolved(core.options)
        let watch = FollowWatch(core, delivery)
        let cursor = try core.store.followingCursor(from: lsn)
        self.core = core
        self.delivery = delivery
        self.last = last
        self.watch = watch
        self.cursor = cursor
    }

    /// Goes on behind an event that another cursor gave out.
    mutating func begin(after position: Position) { cursor.begin(after: position) }

    /// Of the frame of the last step.
    var epoch: UInt32 { cursor.epoch }
    var incarnation: UInt64 { cursor.incarnation }

    /// The event to come.
    var nextLSN: UInt64 { cursor.nextLSN }

    /// How many events are there to be given out now.
    var lag: UInt64 {
        let horizon = core.horizon(delivery)
        return horizon >= cursor.nextLSN ? horizon - cursor.nextLSN + 1 : 0
    }

    /// - Parameter used: the run before, used up.
    mutating func step(after used: RecordRun?) throws(WalError) -> FollowStep {
        try core.checkProcess()
        if let failure = watch.failure { throw failure }
        // The state first: once it says that the log has ended, its last event is below the horizon read after.
        let phase = core.queue.phase
        try core.checkFollowable()
        cursor.extend(through: min(core.horizon(delivery), last ?? .max))
        if let run = try cursor.nextRun(after: used) { return .events(run) }
        if let last, cursor.nextLSN > last { return .end }
        switch phase {
        case .open, .draining, .diskFull, .readOnly, .paused: return .wait
        case .failed: throw core.failureError
        case .forked: throw core.forkedError
        case .closed: return .end
        }
    }

    /// Looks for cuts in the middle of a frame; see `LogCursor`.
    mutating func mayGive(_ lsn: UInt64, before run: inout RecordRun) throws(WalError) -> Bool {
        try cursor.mayGive(lsn, before: &run)
    }

    // MARK: Waiting

    /// To be called before each wait, and `endWait` after it.
    mutating func beginWait() throws(WalError) {
        try core.checkProcess()
        rest()
        try watch.begin()
    }

    func endWait() { watch.end() }

    /// Frees what it needs only while it reads. The last run is used up.
    func rest() { cursor.rest() }

    /// Whether waiting is over: something is there to be given out, or to be told.
    func hasNews() -> Bool { cursor.isUnawareOfCut || watch.hasNews(at: cursor.nextLSN) }
}

/// Waiting for the next event; needs nothing of the files.
struct FollowWatch: Sendable {
    private let core: LogCore
    private let delivery: Delivery
    /// How many looks at another process's log had failed when the wait began.
    private var failuresSeen: Int

    /// - Parameter delivery: with the choice made.
    init(_ core: LogCore, _ delivery: Delivery) {
        self.core = core
        self.delivery = delivery
        failuresSeen = core.poller?.failureCount ?? 0
    }

    /// Why the other process's log can't be looked at, if that failed since the wait began.
    var failure: WalError? { core.poller?.failure(since: failuresSeen) }

    mutating func begin() throws(WalError) {
        failuresSeen = try core.poller?.beginWait(core) ?? 0
        core.signals.followers.beginWait(delivery)
    }

    func end() {
        if core.queue.isForked { return }
        core.signals.followers.endWait(delivery)
        core.poller?.endWait()
    }

    /// Whether waiting for an event is over: it is there, or there is something to be told.
    func hasNews(at lsn: UInt64) -> Bool {
        if core.horizon(delivery) >= lsn { return true }
        switch core.queue.phase {
        case .open, .draining, .diskFull, .readOnly, .paused: return failure != nil
        case .failed, .closed, .forked: return true
        }
    }
}

extension LogCore {
    /// The newest event that may be given out.
    func horizon(_ delivery: Delivery) -> UInt64 {
        delivery == .written ? store.writtenLSN : store.durableLSN
    }

    /// Throws if the log was closed with events discarded, or may have been: what is left is no whole.
    ///
    /// Behind a shutdown all of the log is there to be read.
    func checkFollowable() throws(WalError) {
        try checkProcess()
        guard queue.phase == .closed, !hasEndedCleanly.load(ordering: .acquiring) else { return }
        throw signals.failure.value?.asFailure ?? closedError
    }
}
