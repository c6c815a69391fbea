internal import SegmentStore

extension WriteAheadLog {
    /// Drops whole segments from the oldest on, as far as a policy says and no checkpoint needs them.
    ///
    /// The log does this by itself with ``Options/retention`` after segments were rolled and, where age counts, on a timer.
    /// Blocks as ``truncate(before:)`` does. Appends and readers go on meanwhile; a reader keeps the segment it is in.
    ///
    /// - Parameter policy: what to keep; nil: what the options say.
    /// - Returns: what went and why, and what is held back by whom.
    /// - Throws: `invalidArgument` if a limit can't be used; `failed`, `closed`, `discarded`, `readOnly`, `diskFull`, `corrupted`,
    ///   `missingSegment`, `io`.
    @discardableResult
    public func applyRetention(_ policy: Retention? = nil) throws(WalError) -> RetentionReport {
        try core.checkAlive()
        return try core.applyRetention(policy ?? core.options.retention ?? Retention())
    }

    /// What ``applyRetention(_:)`` would do now. Changes nothing; works on a log opened for reading too.
    ///
    /// - Parameter policy: what to keep; nil: what the options say.
    /// - Throws: `invalidArgument`, `closed`, `missingSegment`, `permissionDenied`, `tooManyOpenFiles`, `io`.
    public func retentionPlan(_ policy: Retention? = nil) throws(WalError) -> RetentionReport {
        try checkNotClosed()
        return try core.store.retentionPlan(policy ?? core.options.retention ?? Retention())
    }

    /// Drops what a policy doesn't keep, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameter policy: what to keep; nil: what the options say.
    /// - Returns: what went and why, and what is held back by whom.
    /// - Throws: as the synchronous form, and `noThread`.
    @discardableResult
    public func applyRetention(_ policy: Retention? = nil) async throws(WalError) -> RetentionReport {
        try await onThread { () throws(WalError) in try self.applyRetention(policy) }
    }

    /// What ``applyRetention(_:)`` would do now, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameter policy: what to keep; nil: what the options say.
    /// - Throws: as the synchronous form, and `noThread`.
    public func retentionPlan(_ policy: Retention? = nil) async throws(WalError) -> RetentionReport {
        try await onThread { () throws(WalError) in try self.retentionPlan(policy) }
    }
}
