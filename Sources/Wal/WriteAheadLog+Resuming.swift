internal import SegmentStore

extension WriteAheadLog {
    /// Calls back for every event behind a checkpoint, in order, up to the newest that is written when it starts; see
    /// ``replay(from:_:)``.
    ///
    /// - Parameters:
    ///   - name: the consumer's.
    ///   - body: gets each event and says whether to go on.
    /// - Throws: what `body` throws; else as ``checkpoint(_:)`` and ``replay(from:_:)``, and: `checkpointFellBehind` if events
    ///   that the consumer has not processed are not kept any more, with their range in `lsns`; `stalePosition` if the event it
    ///   processed last was cut off, or is another copy's.
    @inlinable
    public func replay<Failure: Error>(
        fromCheckpoint name: String, _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        var events = try iterator(fromCheckpoint: name)
        try events.forEach(body)
    }

    /// Gives the events behind a checkpoint one by one, up to the newest that is written now; see ``iterator(from:)``.
    ///
    /// - Parameter name: the consumer's.
    /// - Throws: as ``checkpoint(_:)`` and ``iterator(from:)``; `checkpointFellBehind`, `stalePosition`.
    public func iterator(fromCheckpoint name: String) throws(WalError) -> EventIterator {
        let checkpoint = try checkpoint(name)
        _ = try resumePoint(of: checkpoint)
        return try iterator(after: checkpoint.position)
    }

    /// The event with which the consumer of a checkpoint goes on: the one behind its position.
    ///
    /// - Parameter checkpoint: one of this log.
    /// - Throws: `checkpointFellBehind` if that event is not kept any more, with the range of those lost in `lsns`;
    ///   `stalePosition` if the event it processed last was cut off, or is another copy's; `corrupted`, `missingSegment`,
    ///   `closed`, `tooManyOpenFiles`, `io`.
    public func resumePoint(of checkpoint: Checkpoint) throws(WalError) -> LSN {
        try checkNotClosed()
        return LSN(try core.store.resumePoint(of: checkpoint))
    }

    /// Follows the log from a checkpoint on; see ``follow(from:delivering:)``.
    ///
    /// - Parameters:
    ///   - name: the consumer's.
    ///   - delivery: when an event is given out.
    /// - Throws: as ``checkpoint(_:)`` and ``follow(from:delivering:)``; `checkpointFellBehind`, `stalePosition`.
    public func follow(
        fromCheckpoint name: String, delivering delivery: Delivery = .automatic
    ) throws(WalError) -> Follower {
        try follow(from: try resumePoint(of: try checkpoint(name)), delivering: delivery)
    }

    /// Follows the log from a checkpoint on, from a task; see ``events(from:delivering:)``.
    ///
    /// - Parameters:
    ///   - name: the consumer's.
    ///   - delivery: when an event is given out.
    /// - Throws: as ``checkpoint(_:)``; `checkpointFellBehind`, `stalePosition`, `noThread`.
    public func events(
        fromCheckpoint name: String, delivering delivery: Delivery = .automatic
    ) async throws(WalError) -> EventSequence {
        let start = try await onThread { () throws(WalError) in try self.resumePoint(of: try self.checkpoint(name)) }
        return events(from: start, delivering: delivery)
    }
}
