internal import SegmentStore
internal import WalPlatform

/// The thread that runs the store's background steps, and records the durable position once the log is idle.
///
/// Sleeps without a timer while nothing happens, but for that of retention by age.
struct MaintenanceThread: ~Copyable {
    /// The log counts as idle when nothing was appended for this long.
    private static let idleNanoseconds: Int64 = 100_000_000
    /// The pause after a step that failed; doubled up to the largest as long as it goes on failing.
    private static let pauseNanoseconds: Int64 = 100_000_000
    private static let longestPauseNanoseconds: Int64 = 5_000_000_000

    /// Under the policy `never` nobody waits for rolled segments to be on stable storage: they are settled some at a time, or
    /// when the log is idle, which costs a busy writer less of the disk. The store lets no more than eight wait.
    private static let lazyBacklog = 4

    private let core: LogCore
    private let store: LogStore
    private let backlog: Int
    private let signal: MaintenanceSignal

    private var pause = Self.pauseNanoseconds
    private var notBefore: Int64 = 0
    /// Retention has a pause of its own: a pass that keeps failing must not keep the other steps from being done.
    private var retainPause = Self.pauseNanoseconds
    private var retainNotBefore: Int64 = 0
    /// Files that can't be removed are tried again ever more rarely, and told of once each time there are others.
    private static let longestLeftoverPauseNanoseconds: Int64 = 60_000_000_000
    private var leftoverPause = Self.pauseNanoseconds
    private var leftoversNotBefore: Int64 = 0
    private var leftoversTold: Int
    private var recordedLSN: UInt64
    private var activity: (assigned: UInt64, durable: UInt64) = (0, 0)

    init(core: LogCore) {
        self.core = core
        store = core.store
        backlog = core.options.sync == .never ? Self.lazyBacklog : 1
        signal = core.maintenance
        // Not what is durable now: this thread may begin after the first commits, whose position nobody has recorded.
        recordedLSN = core.store.report.durableLSN.rawValue
        leftoversTold = core.store.leftoverCount
    }

    consuming func run() {
        while true {
            // Before looking at what a kick may have changed.
            let seen = signal.seen
            if signal.stops { return }
            let now = SystemClock.monotonicNanoseconds()
            if core.queue.phase == .failed {
                signal.waitDeeply(while: seen) { !signal.stops }
            } else if now < notBefore {
                signal.wait(while: seen, timeoutNanoseconds: notBefore - now)
            } else if retentionLeft(now) == 0 {
                retain(now)
            } else if leftoversLeft(now) == 0 {
                removeLeftovers()
            } else if !step(settlingAt: backlog) {
                rest(seen)
            }
        }
    }

    /// Runs a pass of retention.
    private mutating func retain(_ now: Int64) {
        guard let schedule = core.retainer.schedule else { return }
        schedule.begin(now: now)
        do throws(WalError) {
            _ = try core.applyRetention(schedule.policy)
            retainPause = Self.pauseNanoseconds
        } catch {
            // Closed meanwhile: nobody need hear of it. Else it is tried again, after the pause.
            if signal.stops || core.queue.phase == .closed { return }
            schedule.request()
            retainNotBefore = SystemClock.monotonicNanoseconds() + retainPause
            retainPause = min(retainPause * 2, Self.longestPauseNanoseconds)
            tell(error)
        }
    }

    /// How long until a pass of retention is due; nil: none will be by itself.
    private func retentionLeft(_ now: Int64) -> Int64? {
        core.retainer.schedule?.nanosecondsLeft(now: now).map { max($0, retainNotBefore - now) }
    }

    /// Tries again to remove what could not be removed. Who removed it first was told why it could not be; so was the observer of
    /// what was found at open.
    private mutating func removeLeftovers() {
        do throws(WalError) {
            try core.maintenanceLock.withLock { () throws(WalError) in try store.removeLeftovers() }
        } catch {
            if signal.stops || core.queue.phase == .closed { return }
            let count = store.leftoverCount
            if count != leftoversTold || store.failure != nil { tell(error) }
            leftoversTold = count
        }
        leftoversNotBefore = SystemClock.monotonicNanoseconds() + leftoverPause
        leftoverPause = min(leftoverPause * 2, Self.longestLeftoverPauseNanoseconds)
        if store.leftoverCount == 0 { leftoverPause = Self.pauseNanoseconds }
    }

    /// How long until files that could not be removed are tried again; nil: there are none.
    private func leftoversLeft(_ now: Int64) -> Int64? {
        store.leftoverCount == 0 ? nil : max(0, leftoversNotBefore - now)
    }

    /// How long until something is due by itself; nil: nothing will be.
    private func timerLeft() -> Int64? {
        let now = SystemClock.monotonicNanoseconds()
        return [retentionLeft(now), leftoversLeft(now)].compactMap(\.self).min()
    }

    /// Runs one background step; returns whether to look for another at once.
    private mutating func step(settlingAt backlog: Int) -> Bool {
        let durable = store.durableLSN
        defer { if store.durableLSN != durable { core.durableMovedElsewhere() } }
        do throws(WalError) {
            var isDone = false
            var refusal: WalError?
            do throws(WalError) {
                isDone = try core.maintenanceLock.withLock { () throws(WalError) in
                    try store.performMaintenance(settlingAt: backlog, works: false)
                }
            } catch {
                if store.failure != nil { throw error }
                refusal = error
            }
            // What takes long is done without that lock. It may give room back.
            if !isDone, try store.work() { (isDone, refusal) = (true, nil) }
            if let refusal { throw refusal }
            pause = Self.pauseNanoseconds
            return isDone
        } catch {
            failed(error)
            return true
        }
    }

    private mutating func failed(_ error: WalError) {
        notBefore = SystemClock.monotonicNanoseconds() + pause
        pause = min(pause * 2, Self.longestPauseNanoseconds)
        tell(error)
    }

    private func tell(_ error: WalError) {
        if let cause = store.failure {
            core.committer.fail(cause)
        } else {
            core.hub?.post(.error(error))
        }
    }

    /// Nothing is due: waits for something, recording the durable position if the log has been idle for long enough.
    private mutating func rest(_ seen: UInt32) {
        let now = (assigned: core.queue.lastAssigned, durable: store.durableLSN)
        guard now.durable != recordedLSN || store.unsettledCount > 0 else {
            let recorded = recordedLSN
            let store = self.store
            let left = timerLeft()
            signal.waitDeeply(while: seen, timeoutNanoseconds: left) {
                !signal.stops && store.durableLSN == recorded
            }
            return
        }
        guard now == activity else {
            activity = now
            do throws(WalError) { try store.checkDirectory() } catch { tell(error) }
            signal.wait(while: seen, timeoutNanoseconds: Self.idleNanoseconds)
            return
        }
        if store.unsettledCount > 0 {
            _ = step(settlingAt: 1)
            return
        }
        do throws(WalError) {
            try core.maintenanceLock.withLock { () throws(WalError) in try store.recordWatermark() }
            recordedLSN = now.durable
        } catch {
            failed(error)
        }
    }
}
