internal import SegmentStore
internal import Synchronization
internal import WalPlatform

extension LogCore {
    /// Throws unless commits are still possible.
    ///
    /// - Parameter lsn: what the caller waits for; nil if it has just come.
    func checkAlive(waitingFor lsn: UInt64? = nil) throws(WalError) {
        switch queue.phase {
        case .open, .draining, .diskFull, .paused: return
        case .failed: throw failureError
        case .readOnly: throw readOnlyError
        case .forked: throw forkedError
        case .closed:
            if let failure = signals.failure.value { throw failure.asFailure }
            guard let lsn else { throw closedError }
            throw lsn > store.writtenLSN
                ? WalError(.discarded, "the log was closed before the event was written", path: path, lsns: lsn.range)
                : WalError(.closed, "the log was closed before the event was durable", path: path, lsns: lsn.range)
        }
    }

    var failureError: WalError {
        (signals.failure.value ?? WalError(.failed, "the log has failed", path: path)).asFailure
    }

    /// Throws in a forked child, for calls that take a lock before they look at the phase. Costs one load.
    @inline(__always)
    func checkProcess() throws(WalError) {
        if queue.isForked { throw forkedError }
    }

    var forkedError: WalError {
        WalError(
            .forked, "this process was forked from the one that opened the log, to which it belongs; open a log here",
            path: path)
    }

    var closedError: WalError { WalError(.closed, "the log is closed", path: path) }

    var readOnlyError: WalError {
        WalError(.readOnly, "the log was opened for reading; open it without readOnly to change it", path: path)
    }

    var diskFullError: WalError {
        signals.diskFull.value ?? WalError(.diskFull, "the disk is full", path: path)
    }

    /// Whether the event can't be written now for want of room.
    private func isStuck(_ lsn: UInt64) -> Bool { store.writtenLSN < lsn && queue.isDiskFull }

    /// Whether the event can't be made durable now.
    private func isSyncStuck(_ lsn: UInt64) -> Bool {
        signals.isSyncStuck.load(ordering: .acquiring) && store.durableLSN < lsn
    }

    func checkAssigned(_ lsn: UInt64) throws(WalError) {
        // Of a log opened for reading the queue knows no more than what was there then.
        let newest = options.readOnly ? store.writtenLSN : queue.lastAssigned
        guard lsn <= newest else {
            throw WalError(
                .notYetWritten, "LSN \(lsn) is above the newest accepted, \(newest)", path: path, lsns: lsn.range)
        }
    }

    /// Returns once the event, which has been assigned, is durable.
    ///
    /// Leads the commit if nobody does.
    func makeDurable(_ ticket: Ticket) throws(WalError) {
        let lsn = ticket.lsn
        if store.durableLSN >= lsn { return try checkNotCut(ticket) }
        if try leadDurably(ticket) { return }
        var hasSlept = false
        while true {
            let generation = queue.generation(covering: lsn)
            let word = signals.durable[generation]
            let seen = word.load()
            // Syncs that began and ended before the word was read bump it no more.
            guard queue.generation(covering: lsn) == generation else { continue }
            if store.durableLSN >= lsn {
                // Who was woken to lead the next sync and needs none passes that on.
                if hasSlept && committer.token.isFree { word.bumpAndWakeOne() }
                return try checkNotCut(ticket)
            }
            try checkNotCut(ticket)
            try checkAlive(waitingFor: lsn)
            if try leadDurably(ticket) { return }
            if isStuck(lsn) || isSyncStuck(lsn) { throw diskFullError }
            word.wait(while: seen)
            hasSlept = true
        }
    }

    /// Commits for everybody if the token is free.
    ///
    /// Returns whether it did, the event being durable then.
    private func leadDurably(_ ticket: Ticket) throws(WalError) -> Bool {
        let lsn = ticket.lsn
        guard committer.token.tryAcquire() else { return false }
        defer { committer.release() }
        // Nothing is cut off while the token is held.
        try checkNotCut(ticket)
        if store.durableLSN >= lsn { return true }
        // The log may have been closed since the caller looked.
        try checkAlive(waitingFor: lsn)
        // No commit would ever bring it.
        guard lsn <= queue.lastAssigned else {
            throw WalError(.truncated, "LSN \(lsn) was cut off by truncate(after:)", path: path, lsns: lsn.range)
        }
        if store.environment.flaws.contains(.answersBeforeSync) {
            try committer.write(through: lsn)
            return true
        }
        try committer.commitDurably(needed: lsn)
        return store.durableLSN >= lsn
    }

    /// Returns once the event, which has been assigned, is in the file.
    ///
    /// Writes it if nobody does.
    func makeWritten(_ ticket: Ticket) throws(WalError) {
        let lsn = ticket.lsn
        while true {
            let seen = signals.written.load()
            if store.writtenLSN >= lsn { return try checkNotCut(ticket) }
            try checkNotCut(ticket)
            try checkAlive(waitingFor: lsn)
            if committer.token.tryAcquire() {
                defer {
                    committer.release()
                    // The policy's sync is the writer's to do.
                    if options.sync != .never { queue.wakeWriter() }
                }
                // The log may have been closed since, or cut.
                try checkNotCut(ticket)
                try checkAlive(waitingFor: lsn)
                try committer.write(through: lsn)
                return
            }
            if isStuck(lsn) { throw diskFullError }
            signals.written.wait(while: seen)
        }
    }

    // MARK: Suspending

    func makeDurable(_ ticket: Ticket) async throws(WalError) {
        let (store, queue, lsn) = (self.store, self.queue, ticket.lsn)
        while store.durableLSN < lsn {
            try checkNotCut(ticket)
            try checkAlive(waitingFor: lsn)
            try await signals.tasks.wait(for: .durable(lsn)) {
                store.durableLSN >= lsn || self.isDead(lsn) || self.isSyncStuck(lsn) || self.isCut(ticket)
            } started: {
                queue.requestCommit(sync: true)
            }
            if store.durableLSN < lsn { try throwIfStuck(ticket) }
            if isSyncStuck(lsn) { throw diskFullError }
        }
        try checkNotCut(ticket)
    }

    func makeWritten(_ ticket: Ticket) async throws(WalError) {
        let (store, queue, lsn) = (self.store, self.queue, ticket.lsn)
        while store.writtenLSN < lsn {
            try checkNotCut(ticket)
            try checkAlive(waitingFor: lsn)
            try await signals.tasks.wait(for: .written(lsn)) {
                store.writtenLSN >= lsn || self.isDead(lsn) || self.isCut(ticket)
            } started: {
                queue.requestCommit(sync: false)
            }
            if store.writtenLSN < lsn { try throwIfStuck(ticket) }
        }
        try checkNotCut(ticket)
    }

    /// Whether waiting for the event has no end in sight.
    private func isDead(_ lsn: UInt64) -> Bool {
        switch queue.phase {
        case .failed, .closed, .readOnly, .forked: true
        case .open, .draining, .diskFull, .paused: isStuck(lsn)
        }
    }

    private func throwIfStuck(_ ticket: Ticket) throws(WalError) {
        try checkNotCut(ticket)
        if isStuck(ticket.lsn) { throw diskFullError }
    }
}

extension UInt64 {
    /// The LSN alone, as the events an error concerns.
    var range: ClosedRange<LSN> { LSN(self)...LSN(self) }
}
