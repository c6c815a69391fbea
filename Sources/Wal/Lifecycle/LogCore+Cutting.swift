internal import SegmentStore
internal import Synchronization
internal import WalPlatform

extension LogCore {
    /// Writes what was accepted, cuts the events behind an LSN off, and goes on behind it; new appends wait meanwhile.
    ///
    /// Takes the commit token, then the maintenance lock, as `end` does.
    func truncate(after lsn: UInt64, overridingCheckpoints: Bool) throws(WalError) {
        try checkProcess()
        committer.token.acquire()
        defer {
            committer.release()
            signals.wakeEverybody()
            maintenance.kick()
        }
        try checkAlive()
        guard let last = queue.pauseForCut() else {
            try checkAlive()
            throw WalError(.draining, "the log is shutting down and cuts nothing off any more", path: path)
        }
        var end: UInt64?
        defer { queue.endCut(after: end, cuts: store.cuts) }
        guard lsn <= last else {
            throw WalError(
                .notYetWritten, "can't cut after LSN \(lsn): the newest event accepted is \(last)", path: path,
                lsns: lsn.range)
        }
        try committer.write(through: last)
        let before = store.durableLSN
        do throws(WalError) {
            try maintenanceLock.withLock { () throws(WalError) in
                try store.truncate(after: lsn, overridingCheckpoints: overridingCheckpoints)
            }
        } catch {
            if store.durableLSN > before { durableMovedElsewhere() }
            if let cause = store.failure { throw committer.fail(cause) }
            guard store.hasUnfinishedCut else { throw error }
            // It is decided: the log ends there, and takes events again once the rest is done.
            end = lsn
            hub?.post(.truncatedAfter(lsn: LSN(lsn), epoch: store.epoch))
            throw committer.stuckCut(error)
        }
        end = lsn
        if lsn < last { hub?.post(.truncatedAfter(lsn: LSN(lsn), epoch: store.epoch)) }
    }

    /// Throws if the event was cut off since the caller had its LSN.
    ///
    /// To be called after looking at how far the log has got, which may be by other events' doing.
    func checkNotCut(_ ticket: Ticket) throws(WalError) {
        guard isCut(ticket) else { return }
        throw WalError(
            .truncated, "the event was cut off by truncate(after:) while it was waited for", path: path,
            lsns: ticket.lsn.range)
    }

    func isCut(_ ticket: Ticket) -> Bool {
        guard store.cuts != ticket.cuts, let lowest = store.lowestCut(since: ticket.cuts) else { return false }
        return ticket.lsn > lowest
    }
}
