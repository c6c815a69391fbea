internal import SegmentStore

extension LogCore {
    /// Drops what the policy doesn't keep.
    func applyRetention(_ policy: Retention) throws(WalError) -> RetentionReport {
        do throws(WalError) {
            return try retainer.pass(policy) { () throws(WalError) in try checkAlive() }
        } catch {
            if let cause = store.failure { throw committer.fail(cause) }
            throw error
        }
    }
}
