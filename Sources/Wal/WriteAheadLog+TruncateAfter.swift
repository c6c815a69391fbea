extension WriteAheadLog {
    /// Cuts off the events behind an LSN: ``lastLSN`` becomes that LSN, and the next event gets the one above it. For logs
    /// of consensus protocols, whose newest events may turn out not to be agreed upon.
    ///
    /// Begins a new epoch: every ``Position`` of an event that was cut off is stale from then on. What was accepted
    /// before the call is written first, and all that is kept is durable when it returns; ``durableLSN`` goes back. Appends
    /// wait meanwhile, whatever the back-pressure. After a stop in the middle the next open finishes the cut once it was
    /// decided; no event that was cut off comes back after the call has returned. Iterators and replays that have given out
    /// none of what was cut off go on up to the cut; others get `stalePosition` at their next event. Whoever waits for an
    /// event that is cut off gets `truncated`. Cuts nothing, and begins no epoch, if `lsn` is the newest.
    ///
    /// Blocks for writes and syncs, and copies the kept part of one segment: as long as writing a segment takes, and memory
    /// for the largest frame in it.
    ///
    /// - Parameters:
    ///   - lsn: the newest event to keep: ``firstLSN`` − 1, which empties the log, … ``lastAssignedLSN``.
    ///   - overridingCheckpoints: whether checkpoints above `lsn` don't hold the cut back; they are stale then.
    /// - Throws: `truncated` if `lsn` is lower than that, `notYetWritten` if it is higher; `heldByCheckpoint`; `diskFull`,
    ///   `corrupted` or `missingSegment` if what is to be kept can't be copied, or `io`, with nothing changed; `unavailable` if
    ///   the system refused a step for now: if ``lastLSN`` is `lsn` after it the cut is decided, and the log takes no event
    ///   until the rest is done, by itself; else nothing was changed; `draining`, `closed`, `readOnly`; `failed` if another
    ///   error came after the cut was decided, or before.
    public func truncate(after lsn: LSN, overridingCheckpoints: Bool = false) throws(WalError) {
        try core.truncate(after: lsn.rawValue, overridingCheckpoints: overridingCheckpoints)
    }

    /// Cuts off the events behind an LSN, suspending meanwhile; see the synchronous form.
    ///
    /// Cancelling the task doesn't end it.
    ///
    /// - Parameters:
    ///   - lsn: the newest event to keep.
    ///   - overridingCheckpoints: whether checkpoints above `lsn` don't hold the cut back.
    /// - Throws: as the synchronous form, and `noThread`.
    public func truncate(after lsn: LSN, overridingCheckpoints: Bool = false) async throws(WalError) {
        let core = self.core
        try await onThread { () throws(WalError) in
            try core.truncate(after: lsn.rawValue, overridingCheckpoints: overridingCheckpoints)
        }
    }
}
