internal import SegmentStore

extension WriteAheadLog {
    /// The position of an event: its LSN with the epoch and incarnation under which it was written.
    ///
    /// Store this, not the LSN alone. Of the event just before ``firstLSN`` the epoch is known but not the incarnation,
    /// which is 0 then. Blocks for disk reads unless the event is the newest: a header block, an index, the header of a frame.
    ///
    /// An event whose frame can't be read has a position too, so that a consumer can go on behind damage. If the readable frames
    /// on both sides of the damage bear the same epoch and incarnation, it is as good as any. Else it bears those of the first
    /// readable frame behind; should the frame become readable again, out of a backup, the position may turn out stale.
    ///
    /// - Parameter lsn: an event that is written; 0 gives ``Position/start``.
    /// - Throws: `truncated`, `notYetWritten`, `closed`, `tooManyOpenFiles`, `io`.
    public func position(of lsn: LSN) throws(WalError) -> Position {
        try reading { () throws(WalError) in try core.store.position(of: lsn.rawValue) }
    }

    /// The position of the newest event written; ``Position/start``, or that of the event before the first, of an empty log.
    ///
    /// Costs nothing on a log that is open for writing, unless it has just been rolled or cut; else as ``position(of:)``.
    ///
    /// - Throws: as ``position(of:)``.
    public func lastPosition() throws(WalError) -> Position {
        while true {
            let lsn = lastLSN
            do throws(WalError) {
                return try position(of: lsn)
            } catch {
                // Cut off since, or truncated away with what followed.
                guard lastLSN != lsn else { throw error }
            }
        }
    }

    /// The position of the newest event on stable storage.
    ///
    /// - Throws: as ``position(of:)``, and `truncated` on a log opened for reading whose first event is above it.
    public func durablePosition() throws(WalError) -> Position {
        while true {
            let lsn = durableLSN
            do throws(WalError) {
                return try position(of: lsn)
            } catch {
                guard durableLSN != lsn else { throw error }
            }
        }
    }

    /// The first event from an LSN on that can be read: where to go on behind damage.
    ///
    /// What reading throws at damage tells the events that can't be had in its `lsns`; the first one behind them may be damaged
    /// as well, and this finds the first that is not. A consumer that gives up what is lost saves its checkpoint at the event
    /// before:
    ///
    /// ```swift
    /// do { try log.consume("mailer") { … } } catch WalError.Code.corrupted {
    ///     // The checkpoint stands before the damage.
    ///     let processed = try log.checkpoint("mailer").position.lsn.rawValue
    ///     let next = try log.firstReadableLSN(from: LSN(processed + 1))
    ///     try log.saveCheckpoint("mailer", at: LSN(next.rawValue - 1))
    /// }
    /// ```
    ///
    /// Blocks for disk reads: those of finding one event for each damaged part in the way.
    ///
    /// - Parameter lsn: where to begin; 0 for the oldest event kept.
    /// - Returns: `lsn` itself if it can be read; one above ``lastLSN`` if nothing from there on can.
    /// - Throws: `truncated`, `notYetWritten` above ``lastLSN`` + 1, `closed`, `tooManyOpenFiles`, `io`.
    public func firstReadableLSN(from lsn: LSN) throws(WalError) -> LSN {
        LSN(try reading { () throws(WalError) in try core.store.firstReadable(from: lsn.rawValue) })
    }

    /// Throws unless the position is one of this log as it is now.
    ///
    /// A position is valid if the frame that holds its event bears its epoch and incarnation. ``Position/start`` is always
    /// valid. Of the event just before ``firstLSN`` the epoch alone is compared; of one whose frame can't be read it is looked
    /// whether the position may lie between the readable frames on both sides. Blocks as ``position(of:)`` does.
    ///
    /// - Parameter position: as it was stored.
    /// - Throws: `stalePosition`; `truncated` below ``firstLSN`` − 1; `notYetWritten` if the event may still come (on a
    ///   log opened for reading); else as ``position(of:)``.
    public func check(_ position: Position) throws(WalError) {
        try reading { () throws(WalError) in try core.store.check(position) }
    }

    /// Calls back for every event behind a position that is valid, in order; see ``replay(from:_:)``.
    ///
    /// - Parameters:
    ///   - position: where a consumer stands; ``Position/start`` for all events that are kept.
    ///   - body: gets each event and says whether to go on.
    /// - Throws: what ``check(_:)`` and ``replay(from:_:)`` throw.
    @inlinable
    public func replay<Failure: Error>(
        after position: Position, _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        var events = try iterator(after: position)
        try events.forEach(body)
    }

    /// Gives the events behind a position that is valid one by one; see ``iterator(from:)``.
    ///
    /// - Parameter position: where a consumer stands; ``Position/start`` for all events that are kept.
    /// - Throws: what ``check(_:)`` throws.
    public func iterator(after position: Position) throws(WalError) -> EventIterator {
        EventIterator(
            cursor: try reading { () throws(WalError) in
                try core.store.cursor(after: position, through: core.store.writtenLSN)
            }, core: core)
    }

    /// Runs a call that reads, and lets an error of a log that was closed meanwhile say so.
    func reading<Result: ~Copyable>(_ body: () throws(WalError) -> Result) throws(WalError) -> Result {
        try checkNotClosed()
        do throws(WalError) {
            return try body()
        } catch {
            try checkNotClosed()
            throw error
        }
    }
}
