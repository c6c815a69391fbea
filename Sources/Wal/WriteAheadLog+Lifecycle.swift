extension WriteAheadLog {
    /// Ends the log in order: takes no more events, writes and syncs those accepted, and closes it.
    ///
    /// Blocks meanwhile. Idempotent; several threads may call it at once and all wait for the same end. A log that has
    /// failed is closed, and its first cause thrown.
    ///
    /// Called by a closure of ``consume(_:options:restore:save:_:)``, or by a task that one has started, it returns once all that
    /// was accepted is on stable storage. The log is closed when that consumer has saved its last checkpoint, or a minute later.
    ///
    /// - Parameter timeout: how long to wait; nil: as long as it takes. Past it the log stays draining: shut it down
    ///   again to wait longer, or ``close()`` it.
    /// - Throws: `timedOut`; `diskFull` if there is no room for what was accepted (the log stays draining: make room,
    ///   by truncating for instance, and call again); `failed`; `discarded` if ``close()`` has thrown events away.
    public func shutdown(timeout: Duration? = nil) throws(WalError) {
        try core.shutdown(timeout: timeout, fromConsumer: ConsumerScope.isInside(core))
    }

    /// Ends the log in order, suspending meanwhile; see the synchronous form.
    ///
    /// Cancelling the task doesn't end the wait; the time-out does.
    ///
    /// - Parameter timeout: how long to wait; nil: as long as it takes.
    /// - Throws: as the synchronous form, and `noThread`.
    public func shutdown(timeout: Duration? = nil) async throws(WalError) {
        let core = self.core
        let isInside = ConsumerScope.isInside(core)
        try await onThread { () throws(WalError) in try core.shutdown(timeout: timeout, fromConsumer: isInside) }
    }

    /// Closes the log now, without writing what is queued: that is discarded, and who waits for it gets an error.
    ///
    /// Blocks until the system call in flight is over; then the directory is free. Idempotent, also from several
    /// threads at once. What was written stays in the file, synced or not. Iterators stay valid memory; their next step
    /// throws `closed`.
    ///
    /// - Throws: `discarded` if events that had been accepted were thrown away, with their LSNs: use ``shutdown(timeout:)``
    ///   to keep them; every later call throws it too, unless a shutdown has told that the log has failed. `io` if the system reported an error while the files were closed. The
    ///   log is closed nevertheless.
    public func close() throws(WalError) {
        try core.close()
    }

    /// Closes the log now, suspending until the system call in flight is over; see the synchronous form.
    ///
    /// - Throws: as the synchronous form, and `noThread`, in which case nothing was done.
    public func close() async throws(WalError) {
        let core = self.core
        try await onThread { () throws(WalError) in try core.close() }
    }
}
