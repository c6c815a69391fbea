internal import SegmentStore
internal import WalPlatform

extension LogCore {
    /// Drops what the policy doesn't keep, and tells the observer.
    func applyRetention(_ policy: Retention) throws(WalError) -> RetentionReport {
        let report: RetentionReport
        do throws(WalError) {
            report = try maintenanceLock.withLock { () throws(WalError) in
                try checkAlive()
                return try store.applyRetention(policy)
            }
        } catch {
            if let cause = store.failure { throw committer.fail(cause) }
            throw error
        }
        if !report.removed.isEmpty {
            durableMovedElsewhere()
            // There may be room now.
            if queue.isDiskFull { queue.requestRetry() }
            maintenance.kick()
        }
        if !report.removed.isEmpty || !report.held.isEmpty || report.clockTrouble != nil {
            hub?.post(.retained(report))
        }
        return report
    }
}
