extension WriteAheadLog {
    /// Returns when all that was accepted before the call is in the file: it survives a kill of the process, not a
    /// power cut.
    ///
    /// Blocks for a write, which it does itself if nobody does; no fsync. Does nothing on a log opened for reading.
    ///
    /// - Throws: `diskFull`, `unavailable`, `failed`, `closed`, `discarded`; `truncated` if events accepted before the call were cut off
    ///   meanwhile by ``truncate(after:overridingCheckpoints:)``.
    public func flush() throws(WalError) {
        try core.checkProcess()
        let last = queue.lastTicket
        if core.options.readOnly { return try checkNotClosed() }
        try core.checkAlive()
        try core.makeWritten(last)
    }

    /// Returns when all that was accepted before the call is on stable storage.
    ///
    /// Blocks for a write and an fsync, shared with every other caller that waits; the calling thread leads if nobody
    /// does. Does nothing on a log opened for reading.
    ///
    /// - Throws: `diskFull`, `unavailable`, `failed`, `closed`, `discarded`; `truncated` if events accepted before the call were cut off
    ///   meanwhile by ``truncate(after:overridingCheckpoints:)``.
    public func sync() throws(WalError) {
        try core.checkProcess()
        let last = queue.lastTicket
        if core.options.readOnly { return try checkNotClosed() }
        try core.checkAlive()
        try core.makeDurable(last)
    }

    /// Returns when the event is on stable storage; never while it is queued or only written.
    ///
    /// Starts a sync at once if none that covers the event is under way; it does not wait for the sync policy. Blocks
    /// like ``sync()``.
    ///
    /// - Parameter lsn: an event accepted before.
    /// - Throws: `notYetWritten` if no such event has been accepted; `diskFull`, `unavailable`, `failed`, `closed`, `discarded`;
    ///   `truncated` if the event was cut off meanwhile by ``truncate(after:overridingCheckpoints:)``;
    ///   `readOnly` if the log was opened for reading and ``durableLSN`` is below the event.
    public func waitDurable(_ lsn: LSN) throws(WalError) {
        try core.checkProcess()
        let ticket = queue.ticket(lsn.rawValue)
        if durableLSN >= lsn { return }
        try checkWaitable(lsn)
        try core.makeDurable(ticket)
    }

    /// Returns when all that was accepted before the call is in the file.
    ///
    /// Suspends meanwhile.
    ///
    /// - Throws: as the synchronous form, and `cancelled`.
    public func flush() async throws(WalError) {
        try core.checkProcess()
        let last = queue.lastTicket
        if core.options.readOnly { return try checkNotClosed() }
        try core.checkAlive()
        try await core.makeWritten(last)
    }

    /// Returns when all that was accepted before the call is on stable storage.
    ///
    /// Suspends meanwhile.
    ///
    /// - Throws: as the synchronous form, and `cancelled`.
    public func sync() async throws(WalError) {
        try core.checkProcess()
        let last = queue.lastTicket
        if core.options.readOnly { return try checkNotClosed() }
        try core.checkAlive()
        try await core.makeDurable(last)
    }

    /// Returns when the event is on stable storage.
    ///
    /// Suspends meanwhile; see the synchronous form.
    ///
    /// - Parameter lsn: an event accepted before.
    /// - Throws: as the synchronous form, and `cancelled`.
    public func waitDurable(_ lsn: LSN) async throws(WalError) {
        try core.checkProcess()
        let ticket = queue.ticket(lsn.rawValue)
        if durableLSN >= lsn { return }
        try checkWaitable(lsn)
        try await core.makeDurable(ticket)
    }

    private func checkWaitable(_ lsn: LSN) throws(WalError) {
        if core.options.readOnly { try checkNotClosed() }
        try core.checkAssigned(lsn.rawValue)
    }

    func checkNotClosed() throws(WalError) {
        switch queue.phase {
        case .closed: throw core.closedError
        case .forked: throw core.forkedError
        default: return
        }
    }
}
