internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// What became of one attempt to put a unit (an event, or a whole batch) into the queue.
enum Admission {
    /// The LSN, and how many cuts there had been.
    case accepted(UInt64, cuts: UInt64)
    /// No room now. Nothing was changed.
    case full
    /// The gate is shut.
    case shut(AppendQueue.Gate)
    /// The newest LSN, which is not the expected one.
    case unexpected(UInt64)
    case overflow
}

extension AppendQueue {
    /// The append path: takes an event that is a payload alone.
    ///
    /// Returns its LSN, or 0 if it needs the slow path.
    ///
    /// Per event this locks, checks, copies and unlocks; it allocates nothing and counts no references.
    @inline(__always)
    func appendPlain(_ payload: UnsafeRawBufferPointer) -> UInt64 {
        let size = UInt64(truncatingIfNeeded: Record.plainSize(payload: payload.count))
        let state = self.state
        lock.lock()
        let lsn = state.pointee.nextLSN.load(ordering: .relaxed)
        let bytes = state.pointee.appendedBytes.load(ordering: .relaxed) &+ size
        guard state.pointee.gate == .open, bytes <= state.pointee.admitBytes, lsn <= state.pointee.admitLSN,
            state.pointee.open._withUnsafeGuaranteedRef({ $0.append(payload, lsn: lsn) })
        else {
            lock.unlock()
            return 0
        }
        state.pointee.appendedBytes.store(bytes, ordering: .relaxed)
        state.pointee.nextLSN.store(lsn &+ 1, ordering: .releasing)
        guard state.pointee.writerMode == .idle else {
            lock.unlock()
            return lsn
        }
        state.pointee.writerMode = .busy
        lock.unlock()
        writerWake.bumpAndWakeOne()
        return lsn
    }

    /// Takes a unit of `size` record bytes and `events` events, which `place` lays into a block; all or nothing.
    ///
    /// - Parameters:
    ///   - size: at most `largestUnit`.
    ///   - events: at least 1.
    ///   - expected: the LSN that must be the newest assigned.
    ///   - claim: the caller's on the next room, if it has one; it is used up by success.
    ///   - wakesWriter: false if the caller is going to commit by itself.
    ///   - place: puts the unit into the block, its first event having the LSN; false if the block has no room.
    @inline(__always)
    func admit(
        size: Int, events: Int, expecting expected: UInt64?, claim: UInt64 = 0, wakesWriter: Bool,
        place: (StagingBlock, UInt64) -> Bool
    ) -> Admission {
        let state = self.state
        lock.lock()
        let first = state.pointee.nextLSN.load(ordering: .relaxed)
        let refusal = check(first: first, size: size, events: events, expected: expected, claim: claim)
        if let refusal {
            let retries = state.pointee.gate == .diskFull
            if retries { state.pointee.wantsRetry = true }
            lock.unlock()
            if retries { writerWake.bumpAndWakeOne() }
            return refusal
        }
        var handedOver = false
        if !state.pointee.open._withUnsafeGuaranteedRef({ place($0, first) }) {
            handOverOpenBlock(nextUnit: size)
            handedOver = true
            guard state.pointee.open._withUnsafeGuaranteedRef({ place($0, first) }) else {
                // The block was chosen for the unit's size, so this can't be; refuse rather than lose it.
                lock.unlock()
                return .full
            }
        }
        let appended = state.pointee.appendedBytes.load(ordering: .relaxed)
        state.pointee.appendedBytes.store(appended &+ UInt64(size), ordering: .relaxed)
        let last = first &+ UInt64(events) &- 1
        state.pointee.nextLSN.store(last &+ 1, ordering: .releasing)
        if claim != 0 { endClaim(claim) }
        let wakes =
            switch state.pointee.writerMode {
            case .busy: false
            case .idle: wakesWriter || handedOver
            case .lingering: handedOver
            }
        if wakes { state.pointee.writerMode = .busy }
        let cuts = state.pointee.cuts
        lock.unlock()
        if wakes { writerWake.bumpAndWakeOne() }
        return .accepted(last, cuts: cuts)
    }

    /// Every check that needs the lock; nil if the unit may be taken.
    private func check(
        first: UInt64, size: Int, events: Int, expected: UInt64?, claim: UInt64
    ) -> Admission? {
        guard state.pointee.gate == .open else { return .shut(state.pointee.gate) }
        if let expected, expected != first &- 1 { return .unexpected(first &- 1) }
        let (last, overflow) = first.addingReportingOverflow(UInt64(events) &- 1)
        if overflow || last > LSN.max.rawValue { return .overflow }
        if let first = state.pointee.claim, first.number != claim { return .full }
        return hasRoom(bytes: UInt64(size), events: UInt64(events)) ? nil : .full
    }
}
