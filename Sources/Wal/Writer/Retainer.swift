internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// Runs the passes of retention, for whoever finds one due: the maintenance thread, a caller, or, where that thread can't keep
/// up, the one who writes.
final class Retainer: Sendable {
    /// What goes by itself; nil: nothing.
    let schedule: RetentionSchedule?
    private let store: LogStore
    private let queue: AppendQueue
    private let signals: Signals
    private let maintenance: MaintenanceSignal
    private let hub: ObserverHub?
    /// Whether checkpoints held something back in the last pass.
    private let isHeld = Atomic<Bool>(false)

    init(
        _ schedule: RetentionSchedule?, store: LogStore, queue: AppendQueue, signals: Signals,
        maintenance: MaintenanceSignal, hub: ObserverHub?
    ) {
        self.schedule = schedule
        self.store = store
        self.queue = queue
        self.signals = signals
        self.maintenance = maintenance
        self.hub = hub
    }

    /// Drops what the policy doesn't keep, and tells the observer.
    ///
    /// - Parameter check: throws if the log is in no state for it; called when nobody else changes the files.
    func pass(_ policy: Retention, check: () throws(WalError) -> Void = {}) throws(WalError) -> RetentionReport {
        store.prepareRetention(policy)
        let report = try store.maintenanceLock.withLock { () throws(WalError) in
            try check()
            // Before anything is decided: a checkpoint that moves on while the pass is under way must ask for another.
            let wasHeld = isHeld.exchange(true, ordering: .acquiringAndReleasing)
            let report = try store.applyRetention(policy)
            // What another policy than the log's own holds back is nothing to come back to.
            isHeld.store(policy == schedule?.policy ? !report.held.isEmpty : wasHeld, ordering: .releasing)
            // Under the lock, so that passes are told in their order.
            if !report.removed.isEmpty || !report.held.isEmpty || report.clockTrouble != nil
                || !report.ageDoubts.isEmpty
            {
                hub?.post(.retained(report))
            }
            return report
        }
        if !report.removed.isEmpty {
            // Removing may have synced.
            signals.durable.wakeAll()
            signals.followers.wakeAll()
            signals.tasks.advance(durable: store.durableLSN, written: store.writtenLSN)
            // There may be room now.
            if queue.isDiskFull { queue.requestRetry() }
            maintenance.kick()
        }
        return report
    }

    /// Runs a pass for the writer if too many segments have come since the last one: the disk's use is bounded however busy the
    /// maintenance thread is. The caller holds the commit token.
    func catchUp() throws(WalError) {
        guard let schedule, schedule.isOverdue else { return }
        schedule.begin(now: SystemClock.monotonicNanoseconds())
        do throws(WalError) {
            _ = try pass(schedule.policy)
        } catch {
            if store.failure != nil { throw error }
            schedule.request()
            maintenance.kick()
            hub?.post(.error(error))
        }
    }

    /// Something may go now that could not before: the disk is full, or a checkpoint has moved on.
    func request(onlyIfHeld: Bool = false) {
        guard let schedule, !onlyIfHeld || isHeld.load(ordering: .acquiring) else { return }
        schedule.request()
        maintenance.kick()
    }
}
