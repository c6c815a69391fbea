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
    /// How many looks at another process's log had failed when the wait began.
    private var failuresSeen = 0

    /// - Parameters:
    ///   - lsn: the first event; 0: the oldest.
    ///   - last: where it ends; nil: with the log.
    ///   - checksEnd: whether the first event must be there or the next to come; false if it was, before a cut.
    init(
        _ core: LogCore, from lsn: UInt64, through last: UInt64? = nil, delivery: Delivery, checksEnd: Bool = true
    ) throws(WalError) {
        self.core = core
        self.delivery = delivery.resolved(core.options)
        self.last = last
        try core.checkFollowable()
        let newest = core.options.readOnly ? core.store.writtenLSN : core.queue.lastAssigned
        if checksEnd, lsn > newest + 1 {
            throw WalError(
                .notYetWritten, "LSN \(lsn) is not yet written; the newest event is \(newest)", path: core.path,
                lsns: lsn.range)
        }
        failuresSeen = core.poller?.failureCount ?? 0
        cursor = try core.store.followingCursor(from: lsn)
        core.signals.followers.count.add(1, ordering: .relaxed)
    }

    deinit {
        // In a forked child nobody waits, and the lock of the poller may be held for ever.
        if core.queue.isForked { return }
        if core.signals.followers.count.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
            core.poller?.stop()
        }
    }

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
        if let failure = core.poller?.failure(since: failuresSeen) { throw failure }
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
        failuresSeen = try core.poller?.beginWait(core) ?? 0
        core.signals.followers.beginWait(delivery)
    }

    func endWait() {
        if core.queue.isForked { return }
        core.signals.followers.endWait(delivery)
        core.poller?.endWait()
    }

    /// Whether waiting is over: something is there to be given out, or to be told.
    func hasNews() -> Bool {
        if core.horizon(delivery) >= cursor.nextLSN || cursor.isUnawareOfCut { return true }
        switch core.queue.phase {
        case .open, .draining, .diskFull, .readOnly, .paused: return core.poller?.failure(since: failuresSeen) != nil
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
