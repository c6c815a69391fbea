internal import SegmentStore

extension WriteAheadLog {
    /// Runs a consumer: restores its state from its checkpoint, replays what came since, follows the log, and saves a checkpoint
    /// now and then, until the consumer stops or the log is shut down.
    ///
    /// Every event behind the checkpoint is given out in order, without a gap. After a crash, or an error, those since the last
    /// checkpoint come again: delivery is at least once. While a consumer has a checkpoint, retention holds what it has not
    /// processed (unless a policy overrides that); one without saves its first, still without state, before
    /// `restore` is called, and that with the state after it.
    ///
    /// Blocks until its end, asleep while there is nothing to do. No lock is held while the closures run; they may call the
    /// log. Any number of consumers may run at once, each with a name of its own: of two with one name each would overwrite the
    /// other's checkpoint.
    ///
    /// When the log is shut down, the shutdown waits up to a second (or half its time-out) for its consumers to process what
    /// is left and to save a last checkpoint. A consumer may also call `shutdown` itself, which then returns before the log is
    /// closed: the consumer goes on to the last event, saves its checkpoint, and ends with `logEnded`.
    ///
    /// ```swift
    /// try log.consume("totals", restore: { totals = Totals($0) }, save: { totals.encoded() }) { event in
    ///     totals.count(event.payload)
    ///     return .continue
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - name: the consumer's, and its checkpoint's.
    ///   - options: how often checkpoints are saved, and where to start.
    ///   - restore: gets the state stored with the checkpoint, nil if there is none, before the first event.
    ///   - save: gives the state to be stored with a checkpoint: that after the last event given out.
    ///   - body: processes an event and says whether to go on. If it throws, the event counts as not processed.
    /// - Returns: why it ended, and how far it came.
    /// - Throws: what the closures throw; else as ``saveCheckpoint(_:at:state:)-(_,LSN,_)`` and ``Follower/next(timeout:)``, and
    ///   `invalidOption`; `checkpointFellBehind` or `stalePosition` if it can't go on from its checkpoint. Nothing is saved
    ///   after an error.
    @_disfavoredOverload  // else a closure that suits both would block a task
    @discardableResult
    public func consume(
        _ name: String, options: ConsumerOptions = ConsumerOptions(), restore: ([UInt8]?) throws -> Void = { _ in },
        save: () throws -> [UInt8]? = { nil }, _ body: (borrowing BorrowedEvent) throws -> ReplayStep
    ) throws -> ConsumerReport {
        try ConsumerScope.run(core) { try runConsumer(name, options, restore, save, body) }
    }

    private func runConsumer(
        _ name: String, _ options: ConsumerOptions, _ restore: ([UInt8]?) throws -> Void, _ save: () throws -> [UInt8]?,
        _ body: (borrowing BorrowedEvent) throws -> ReplayStep
    ) throws -> ConsumerReport {
        var run = try ConsumerRun(core, name, options)
        try restore(run.checkpoint?.state)
        if run.checkpoint == nil, let state = try save() { try saveCheckpoint(name, at: run.position, state: state) }
        var feed = ConsumerFeed(
            try FollowCursor(core, from: run.start, delivery: options.delivery, checksEnd: false))
        // Cut off since it was looked at? From here on the feed itself notices.
        try core.store.check(run.position)
        while true {
            let step = try feed.next()
            switch step {
            case .event(let view, let position):
                let answer = try body(
                    BorrowedEvent(view, epoch: position.epoch, incarnation: position.incarnation))
                run.note(position)
                if answer == .stop {
                    try checkpoint(&run, save)
                    return run.report(.stopped)
                }
                if run.due() == .save { try checkpoint(&run, save) }
            case .idle:
                if run.due() == .save { try checkpoint(&run, save) }
                let deadline = run.deadline
                // Borrowed by the closure, not copied.
                try feed.wait(until: deadline) { !run.mustLook }
            case .end:
                return run.report(.logEnded)
            }
        }
    }

    private func checkpoint(_ run: inout ConsumerRun, _ save: () throws -> [UInt8]?) throws {
        let state = try save()
        do throws(WalError) {
            try core.makeDurable(try core.checkedTicket(run.position))
            try core.saveCheckpoint(run.name, at: run.position, state: state)
        } catch {
            if core.isEndOfConsumer(error) { return }
            throw error
        }
        run.didSave()
    }
}
