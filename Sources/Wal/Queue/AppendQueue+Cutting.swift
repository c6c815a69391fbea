internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// An LSN, and how many cuts there had been when it was the caller's: after a cut it may be another event's.
struct Ticket: Sendable {
    var lsn: UInt64
    var cuts: UInt64
}

/// The queue beside truncate(after:), whose caller holds the commit token.
extension AppendQueue {
    /// Holds off every append that has not been accepted yet, whatever the back-pressure; returns the newest accepted.
    ///
    /// False if the log is not running.
    func pauseForCut() -> UInt64? {
        lock.lock()
        defer { lock.unlock() }
        guard phase == .open else { return nil }
        state.pointee.isPaused = true
        updateGate()
        return state.pointee.nextLSN.load(ordering: .relaxed) &- 1
    }

    /// Goes on behind an event, all that was accepted having been written; nil: where it was.
    ///
    /// - Parameter cuts: the store's count of cuts.
    func endCut(after lsn: UInt64?, cuts: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        state.pointee.isPaused = false
        if let lsn {
            let last = state.pointee.nextLSN.load(ordering: .relaxed) &- 1
            // Odd while the two don't fit each other.
            state.pointee.cutVersion.add(1, ordering: .acquiringAndReleasing)
            state.pointee.cutEvents.add(last - lsn, ordering: .releasing)
            state.pointee.nextLSN.store(lsn &+ 1, ordering: .releasing)
            state.pointee.cutVersion.add(1, ordering: .releasing)
            state.pointee.admitLSN = Self.admitLSN(written: lsn, limit: eventLimit)
            state.pointee.syncTarget = min(state.pointee.syncTarget, lsn)
        }
        // Also after a failure, in which the cut may have been published: readers look.
        state.pointee.cuts = cuts
        updateGate()
    }

    /// The newest LSN accepted.
    var lastTicket: Ticket {
        lock.withLock {
            Ticket(lsn: state.pointee.nextLSN.load(ordering: .relaxed) &- 1, cuts: state.pointee.cuts)
        }
    }

    /// An LSN as of now.
    func ticket(_ lsn: UInt64) -> Ticket {
        Ticket(lsn: lsn, cuts: lock.withLock { state.pointee.cuts })
    }

    /// The events accepted since the open, those cut off since included.
    ///
    /// - Parameter start: the newest event at the open.
    func acceptedEvents(since start: UInt64) -> UInt64 {
        while true {
            let version = state.pointee.cutVersion.load(ordering: .acquiring)
            let sum = lastAssigned &+ state.pointee.cutEvents.load(ordering: .acquiring)
            if version & 1 == 0, version == state.pointee.cutVersion.load(ordering: .acquiring) { return sum &- start }
            // Forked during a cut: nobody here ends it.
            if process.isForked { return sum &- start }
        }
    }

    /// What readers compare per event: moves whenever the phase changes or events are cut off.
    var readingState: UInt64 {
        process.isForked ? Self.forkedState : readingWord.pointee.load(ordering: .acquiring)
    }

    /// The word never has this value, nor that of a reader which must look at everything.
    private static let forkedState = UInt64.max - 1
}
