internal import SegmentStore

extension WriteAheadLog {
    /// Calls back for every event from an LSN on, in order, up to the newest that is written when it starts.
    ///
    /// Events are borrowed: they lie in the log's memory and end with the call. No lock is held during the call, which
    /// may throw, stop, or call the log. Works while the log is draining and after it has failed. Damage is never
    /// skipped: each frame is verified before its first event is given out. Blocks for disk reads. Several threads may
    /// replay at once.
    ///
    /// ```swift
    /// try log.replay(from: checkpoint) { event in
    ///     apply(event.payload)
    ///     return .continue
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - lsn: where to start: ``firstLSN`` … ``lastLSN`` + 1; 0 means the oldest.
    ///   - body: gets each event and says whether to go on.
    /// - Throws: what `body` throws; else a `WalError`: `truncated`, `notYetWritten`, `corrupted` with the LSN range,
    ///   `missingSegment`, `closed`, `tooManyOpenFiles`, `io`. `truncated` also comes at the next segment if that was
    ///   dropped meanwhile, and `stalePosition` if an event that was given out is cut off meanwhile.
    @inlinable
    public func replay<Failure: Error>(
        from lsn: LSN = 0, _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        var events = try iterator(from: lsn)
        try events.forEach(body)
    }

    /// Gives the events from an LSN on one by one, up to the newest that is written now.
    ///
    /// Opens no file yet: the first step of the iterator does.
    ///
    /// - Parameter lsn: where to start: ``firstLSN`` … ``lastLSN`` + 1; 0 means the oldest.
    /// - Throws: `truncated`, `notYetWritten`, `closed`.
    public func iterator(from lsn: LSN = 0) throws(WalError) -> EventIterator {
        EventIterator(cursor: try cursor(from: lsn), core: core)
    }

    private func cursor(from lsn: LSN) throws(WalError) -> LogCursor {
        try reading { () throws(WalError) in
            try core.store.cursor(from: lsn.rawValue, through: core.store.writtenLSN)
        }
    }
}
