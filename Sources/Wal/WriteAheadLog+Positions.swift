internal import SegmentStore

extension WriteAheadLog {
    /// The position of an event: its LSN with the epoch and incarnation under which it was written.
    ///
    /// Store this, not the LSN alone. Of the event just before ``firstLSN`` the epoch is known but not the incarnation,
    /// which is 0 then. Blocks for disk reads unless the event is the newest: a header block, an index, a frame.
    ///
    /// - Parameter lsn: an event that is written; 0 gives ``Position/start``.
    /// - Throws: `truncated`, `notYetWritten`, `closed`, `corrupted`, `missingSegment`, `tooManyOpenFiles`, `io`.
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

    /// Throws unless the position is one of this log as it is now.
    ///
    /// A position is valid if the frame that holds its event bears its epoch and incarnation. ``Position/start`` is always
    /// valid. Of the event just before ``firstLSN`` the epoch alone is compared. Blocks as ``position(of:)`` does.
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
