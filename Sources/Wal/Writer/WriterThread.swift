internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// The thread that writes what nobody else writes: takes blocks from the queue, syncs by policy, and closes the log
/// at its end.
///
/// It holds the core, never the public object.
struct WriterThread: ~Copyable {
    /// What to do next.
    private enum Step {
        case writeFullBlocks
        case writeAll
        case commitDurably
        case syncWritten
        case sleep(nanoseconds: Int64?)
        case closeCleanly
        case discard
    }

    /// How long a busy appender may fill the open block before it is written, where nobody waits for it.
    private static let lingerNanoseconds: Int64 = 700_000
    /// How often such a block is written, at most, where a follower waits for its events.
    private static let followerPaceNanoseconds: Int64 = 100_000
    /// How often writing is tried again on a full disk.
    private static let retryNanoseconds: Int64 = 500_000_000

    private let core: LogCore
    private let queue: AppendQueue
    private let store: LogStore
    private let committer: Committer
    private let policy: SyncPolicy

    private var lingersUntil: Int64?
    private var lingeredLast: Int64 = 0
    private var unsyncedSince: Int64?
    private var retriesAt: Int64 = 0
    /// When all that the log had to drain was on stable storage.
    private var drainedAt: Int64?

    /// - Parameter core: a core whose commit token is held on behalf of this thread.
    init(core: LogCore) {
        self.core = core
        queue = core.queue
        store = core.store
        committer = core.committer
        policy = core.options.sync
    }

    /// Runs until the log is closed.
    consuming func run() {
        // An error of a commit is not lost: the committer has made it the state of the log, which everybody sees.
        try? committer.rewriteUnvouched()
        committer.release()
        while true {
            let seen = queue.writerWake.load()
            switch plan() {
            case .sleep(let nanoseconds):
                if drainedAt != nil, core.consumers.noteAwaited() { core.signals.lifecycle.bumpAndWakeAll() }
                queue.writerWake.wait(while: seen, timeoutNanoseconds: nanoseconds)
            case .closeCleanly:
                committer.token.acquire()
                core.end(cleanly: true)
                return
            case .discard:
                committer.token.acquire()
                core.end(cleanly: false)
                return
            case let step:
                committer.token.acquire()
                perform(step)
                committer.release()
            }
        }
    }

    private mutating func perform(_ step: Step) {
        lingersUntil = nil
        do throws(WalError) {
            switch step {
            case .writeFullBlocks:
                while queue.hasPending, try committer.writeOne() { try syncIfDue() }
            case .writeAll:
                let target = queue.lastAssigned
                while store.writtenLSN < target, try committer.writeOne() { try syncIfDue() }
            case .commitDurably:
                try committer.commitDurably()
                unsyncedSince = nil
            case .syncWritten:
                try committer.syncWritten()
                unsyncedSince = nil
            case .sleep, .closeCleanly, .discard: break
            }
        } catch {
            // See `run`.
        }
        // Not only after an error: a commit that could sync a part of it has ended well.
        if queue.isDiskFull { retriesAt = SystemClock.monotonicNanoseconds() + Self.retryNanoseconds }
    }

    private mutating func syncIfDue() throws(WalError) {
        guard let due = nanosecondsUntilSync(now: SystemClock.monotonicNanoseconds()), due <= 0 else { return }
        try committer.syncWritten()
        unsyncedSince = nil
    }

    /// How long the policy lets what is written wait for its sync; nil: for ever, or there is nothing.
    private mutating func nanosecondsUntilSync(now: Int64) -> Int64? {
        guard store.durableLSN < store.writtenLSN else {
            unsyncedSince = nil
            return nil
        }
        switch policy {
        case .never: return nil
        case .batch: return 0
        case .bytes(let bytes): return store.unsyncedBytes >= UInt64(bytes) ? 0 : nil
        case .interval(let interval):
            let since = unsyncedSince ?? now
            unsyncedSince = since
            return since + interval.wholeNanoseconds - now
        }
    }

    /// How long consumers are still given to process what is left and to save how far they have come.
    private mutating func nanosecondsForConsumers(now: Int64) -> Int64 {
        guard core.consumers.areBusy else { return 0 }
        let start = drainedAt ?? now
        drainedAt = start
        return start + core.consumers.patienceNanoseconds - now
    }

    /// Looks at the state and decides; says in the queue, under its lock, whether the next event must wake this thread.
    private mutating func plan() -> Step {
        let now = SystemClock.monotonicNanoseconds()
        let untilSync = nanosecondsUntilSync(now: now)
        let isSettled = untilSync == nil && store.durableLSN >= store.writtenLSN
        queue.lock.lock()
        defer { queue.lock.unlock() }
        let state = queue.state
        state.pointee.writerMode = .busy
        let isEmpty = state.pointee.pending.isEmpty && queue.isOpenBlockEmpty
        if state.pointee.wantsDiscard { return .discard }
        switch queue.phase {
        case .failed, .closed, .readOnly, .forked: return .sleep(nanoseconds: nil)
        case .open, .draining, .diskFull, .paused: break
        }
        if state.pointee.isDiskFull && now < retriesAt && !state.pointee.wantsRetry {
            return .sleep(nanoseconds: retriesAt - now)
        }
        state.pointee.wantsRetry = false
        // Also where the policy would never ask for a sync: somebody did, and no append is accepted until it is done.
        if core.signals.isSyncStuck.load(ordering: .acquiring), queue.phase == .open { return .syncWritten }
        if queue.phase == .draining {
            let isDone = isEmpty && isSettled || core.options.flaws.contains(.dropsQueueAtShutdown)
            guard isDone else { return .commitDurably }
            let left = nanosecondsForConsumers(now: now)
            return left > 0 ? .sleep(nanoseconds: left) : .closeCleanly
        }
        let wantsWrite = state.pointee.wantsWrite
        state.pointee.wantsWrite = false
        if state.pointee.wantsSync {
            state.pointee.wantsSync = false
            return .commitDurably
        }
        if !isEmpty {
            if policy == .batch { return .commitDurably }
            if wantsWrite { return .writeAll }
            if !state.pointee.pending.isEmpty { return .writeFullBlocks }
        }
        if let untilSync, untilSync <= 0 { return .syncWritten }
        guard !isEmpty else {
            lingersUntil = nil
            state.pointee.writerMode = .idle
            return .sleep(nanoseconds: untilSync)
        }
        var end = lingersUntil ?? now + Self.lingerNanoseconds
        if core.signals.followers.areImpatient { end = min(end, lingeredLast + Self.followerPaceNanoseconds) }
        lingersUntil = end
        if now >= end {
            lingeredLast = now
            return .writeAll
        }
        state.pointee.writerMode = .lingering
        return .sleep(nanoseconds: min(end - now, untilSync ?? .max))
    }
}

extension AppendQueue {
    /// The lock is held.
    var isOpenBlockEmpty: Bool { state.pointee.open._withUnsafeGuaranteedRef { $0.isEmpty } }

    var hasPending: Bool { lock.withLock { !state.pointee.pending.isEmpty } }
}

extension Duration {
    /// Nanoseconds, rounded down, at least 1, at most some 292 years.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowed) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard seconds >= 0 else { return 1 }
        return overflow || overflowed ? .max : max(sum, 1)
    }
}
