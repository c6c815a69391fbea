internal import SegmentStore

extension WriteAheadLog {
    /// Follows the log: gives the events from an LSN on one by one, and then waits for more.
    ///
    /// Any number of threads may follow, each with a follower of its own. A slow one costs the others and the appends nothing;
    /// it holds the segment it is in. Works on a log opened for reading too: there it looks for news at
    /// ``Options/pollInterval``. Opens no file yet: the first step does.
    ///
    /// - Parameters:
    ///   - lsn: where to start: ``firstLSN`` … ``lastAssignedLSN`` + 1; 0 means the oldest.
    ///   - delivery: when an event is given out.
    /// - Throws: `truncated`, `notYetWritten`, `closed`, `failed`.
    public func follow(from lsn: LSN = 0, delivering delivery: Delivery = .automatic) throws(WalError) -> Follower {
        Follower(try FollowCursor(core, from: lsn.rawValue, delivery: delivery))
    }

    /// Calls back for every event from an LSN on, in order, and goes on with those to come until the log ends or the callback
    /// stops it.
    ///
    /// Events are borrowed: they lie in the log's memory and end with the call. No lock is held during the call, which may
    /// throw, stop, or call the log. Blocks until then, asleep while there is nothing to do; returns when the log was shut
    /// down and its last event given out.
    ///
    /// - Parameters:
    ///   - lsn: where to start: ``firstLSN`` … ``lastAssignedLSN`` + 1; 0 means the oldest.
    ///   - delivery: when an event is given out.
    ///   - body: gets each event and says whether to go on.
    /// - Throws: what `body` throws; else as ``Follower/next(timeout:)``.
    public func follow<Failure: Error>(
        from lsn: LSN = 0, delivering delivery: Delivery = .automatic,
        _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        var follower = try follow(from: lsn, delivering: delivery)
        while let view = try follower.nextView(nil) {
            let event = BorrowedEvent(
                view, epoch: follower.epoch, incarnation: follower.incarnation)
            if try body(event) == .stop { return }
        }
    }

    /// Follows the log from a task: the events from an LSN on, and then those to come, until the log is shut down.
    ///
    /// See ``follow(from:delivering:)``; a task suspends where that blocks.
    ///
    /// - Parameters:
    ///   - lsn: where to start: ``firstLSN`` … ``lastAssignedLSN`` + 1; 0 means the oldest. Checked by the first step.
    ///   - delivery: when an event is given out.
    public func events(from lsn: LSN = 0, delivering delivery: Delivery = .automatic) -> EventSequence {
        EventSequence(core, from: lsn, through: nil, delivery: delivery)
    }

    /// Replays a part of the log in a task: the written events from one LSN to another, both included.
    ///
    /// Waits for no event: where the log is shorter it ends at the newest that is written when the iteration starts.
    ///
    /// - Parameters:
    ///   - lsn: where to start: ``firstLSN`` … ``lastLSN`` + 1; 0 means the oldest. Checked by the first step.
    ///   - last: where to end.
    public func events(from lsn: LSN = 0, through last: LSN) -> EventSequence {
        EventSequence(core, from: lsn, through: last, delivery: .written)
    }
}
