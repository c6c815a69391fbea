internal import SegmentStore

extension WriteAheadLog {
    /// Calls back for every event of a range of times, in the order of the LSNs, up to the newest that is written when it
    /// starts.
    ///
    /// An event's time is the one it was given, else that of its writing. Right also where clocks stepped back: times need not
    /// follow the LSNs, and every event of the range is given out. Sealed segments that hold none are passed over, and so is
    /// what the sparse index shows to be older; the rest is read. Otherwise as ``replay(from:_:)``.
    ///
    /// - Parameters:
    ///   - lsn: the first event to look at: ``firstLSN`` … ``lastLSN`` + 1; 0 means the oldest.
    ///   - last: the last event to look at.
    ///   - since: the oldest time wanted; nil: any.
    ///   - until: the first time not wanted any more; nil: none.
    ///   - body: gets each event and says whether to go on.
    /// - Throws: as ``replay(from:_:)``.
    @inlinable
    public func replay<Failure: Error>(
        from lsn: LSN = 0, through last: LSN = .max, since: EventTime?, until: EventTime? = nil,
        _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        var events = try iterator(from: lsn, through: last, since: since, until: until)
        try events.forEach(body)
    }

    /// Gives the events of a range of times one by one, up to the newest that is written now; see
    /// ``replay(from:through:since:until:_:)``.
    ///
    /// - Parameters:
    ///   - lsn: the first event to look at: ``firstLSN`` … ``lastLSN`` + 1; 0 means the oldest.
    ///   - last: the last event to look at.
    ///   - since: the oldest time wanted; nil: any.
    ///   - until: the first time not wanted any more; nil: none.
    /// - Throws: `truncated`, `notYetWritten`, `closed`.
    public func iterator(
        from lsn: LSN = 0, through last: LSN = .max, since: EventTime?, until: EventTime? = nil
    ) throws(WalError) -> EventIterator {
        let times = TimeRange(since, until)
        return EventIterator(cursor: try timeCursor(from: lsn, through: last, times), core: core, times: times)
    }

    /// The oldest event with a time from `time` on; one above ``lastLSN`` if there is none. Events behind it may be older.
    ///
    /// Blocks for disk reads.
    ///
    /// - Parameter time: the oldest time wanted.
    /// - Throws: `closed`, `corrupted`, `missingSegment`, `tooManyOpenFiles`, `io`.
    public func firstLSN(since time: EventTime) throws(WalError) -> LSN {
        try checkNotClosed()
        return LSN(try core.store.firstLSN(since: time.nanosecondsSince1970))
    }

    private func timeCursor(from lsn: LSN, through last: LSN, _ times: TimeRange) throws(WalError) -> LogCursor {
        try checkNotClosed()
        let store = core.store
        do throws(WalError) {
            return try store.cursor(
                from: lsn.rawValue, through: min(last.rawValue, store.writtenLSN), times: times)
        } catch {
            try checkNotClosed()
            throw error
        }
    }
}

extension TimeRange {
    init(_ since: EventTime?, _ until: EventTime?) {
        self.init(since: since?.nanosecondsSince1970 ?? .min, until: until?.nanosecondsSince1970)
    }
}
