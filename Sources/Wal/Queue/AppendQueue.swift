internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// Events that were accepted and are not yet written: the open staging block, which appenders fill, and full ones behind
/// each other, which the holder of the commit token writes.
///
/// One short lock, taken once per event. It is innermost: nothing else is locked and no call is made while it is held
/// (allocating a block, rarely, is the exception). Never a `Synchronization.Mutex`: it collapses under contention.
final class AppendQueue: @unchecked Sendable {
    // Sendable: `state` never changes; what it points to is guarded by `lock`, but for the atomics in it, which are
    // written under `lock` and may be read without.
    let lock = Lock()
    let state: UnsafeMutablePointer<State>
    /// Phase and number of cuts in one word, for readers to look at per event. Alone in its cache line: no append moves it.
    let readingWord: UnsafeMutablePointer<Atomic<UInt64>>

    /// Only the writer thread sleeps on it.
    let writerWake = WaitWord()
    /// Producers that found the queue full sleep on it; woken one by one, each waking the next.
    let space = WaitWord()
    /// The producer that has a claim on the next room sleeps on it.
    let claimedSpace = WaitWord()

    let byteLimit: UInt64
    let eventLimit: UInt64
    let largestUnit: Int
    /// The process that opened the log: in a forked child no lock of the queue may be taken.
    let process = ForkMark()
    @inline(__always)
    var isForked: Bool { process.isForked }

    /// Why the queue takes no event now.
    ///
    /// `open` alone lets the fast path through.
    enum Gate: UInt8 {
        case open, draining, closed, failed, diskFull, readOnly
        /// For the moment: events are being cut off. Never a phase.
        case paused
        /// This process was forked from that of the log. A phase alone: nobody looks at the gate then.
        case forked
    }

    /// Whether the writer thread wants to be woken.
    enum WriterMode: UInt8 {
        /// It works, or will look again before it sleeps.
        case busy
        /// It sleeps and there was nothing to write: the next event wakes it.
        case idle
        /// It sleeps for a moment while the open block fills: only a full block or a request wakes it.
        case lingering
    }

    /// A block handed over by the appenders.
    struct Pending {
        let block: StagingBlock
        /// `appendedBytes` when it was handed over: all before it is written once the block is.
        let endBytes: UInt64
        let lastLSN: UInt64
    }

    struct State: ~Copyable {
        // First, because the sanitizer notes a change of any field at the address of the whole: that must be none of
        // the atomics, which are read without the lock.
        var gate = Gate.open

        /// The LSN of the next event.
        ///
        /// Assigned here and nowhere else, after every check.
        let nextLSN: Atomic<UInt64>
        /// Record bytes accepted since the open; never goes back.
        let appendedBytes = Atomic<UInt64>(0)
        /// Record bytes whose blocks are written.
        let writtenBytes = Atomic<UInt64>(0)
        let phase = Atomic<UInt8>(Gate.open.rawValue)
        /// Events cut off since the open, and a count that is odd while this and `nextLSN` are being changed.
        let cutEvents = Atomic<UInt64>(0)
        let cutVersion = Atomic<UInt64>(0)

        /// The store's count of cuts, as of the last one that ended.
        var cuts: UInt64 = 0
        var isPaused = false
        var writerMode = WriterMode.busy
        /// The largest `appendedBytes` that is let through now: `roomEnd`, or 0 while somebody has a claim on the next room.
        var admitBytes: UInt64
        /// The largest `appendedBytes` and LSN the bounds allow now.
        var roomEnd: UInt64
        var admitLSN: UInt64
        /// Who is let through first, with what; see `PlaceInLine`.
        var claim: PlaceInLine.Claim?
        var claimCount: UInt64 = 0

        /// Never nil nor shared: an unmanaged reference, so that appending to it counts no references.
        ///
        /// Owned (+1).
        var open: Unmanaged<StagingBlock>
        /// Handed over and not yet wholly written, oldest first.
        ///
        /// Only the holder of the commit token removes any.
        var pending: [Pending] = []
        var pool: BlockPool

        var isDiskFull = false
        /// An append met a full disk: try the writes again now.
        var wantsRetry = false
        /// Somebody waits for what is queued: no lingering.
        var wantsWrite = false
        /// A task waits for durability; the writer must sync for it.
        var wantsSync = false
        var wantsDiscard = false
        var blockedProducers = 0

        /// How many syncs have begun, and the newest LSN that the last one covers.
        var syncGeneration: UInt64 = 0
        var syncTarget: UInt64 = 0

        init(nextLSN: UInt64, open: StagingBlock, pool: BlockPool, admitBytes: UInt64, admitLSN: UInt64) {
            self.nextLSN = Atomic(nextLSN)
            self.open = .passRetained(open)
            self.pool = pool
            self.admitBytes = admitBytes
            roomEnd = admitBytes
            self.admitLSN = admitLSN
        }
    }

    init(nextLSN: UInt64, byteLimit: Int, eventLimit: Int, largestUnit: Int, isReadOnly: Bool = false) {
        self.byteLimit = UInt64(byteLimit)
        self.eventLimit = UInt64(eventLimit)
        self.largestUnit = largestUnit
        var pool = BlockPool(queueBytes: byteLimit, largestUnit: largestUnit)
        let open = pool.take(forUnit: 0)
        readingWord = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 128)
            .bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        readingWord.initialize(to: Atomic(UInt64(Gate.open.rawValue)))
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                nextLSN: nextLSN, open: open, pool: pool, admitBytes: UInt64(byteLimit),
                admitLSN: Self.admitLSN(written: nextLSN - 1, limit: UInt64(eventLimit))))
        if isReadOnly {
            state.pointee.phase.store(Gate.readOnly.rawValue, ordering: .relaxed)
            updateGate()
        }
    }

    deinit {
        state.pointee.open.release()
        state.deinitialize(count: 1)
        state.deallocate()
        readingWord.deinitialize(count: 1)
        readingWord.deallocate()
    }

    static func admitLSN(written: UInt64, limit: UInt64) -> UInt64 {
        let (sum, overflow) = written.addingReportingOverflow(limit)
        return overflow ? LSN.max.rawValue : min(sum, LSN.max.rawValue)
    }

    // MARK: Read by anyone, without the lock

    var lastAssigned: UInt64 { state.pointee.nextLSN.load(ordering: .acquiring) &- 1 }
    var appendedBytes: UInt64 { state.pointee.appendedBytes.load(ordering: .relaxed) }
    var queuedBytes: UInt64 {
        let written = state.pointee.writtenBytes.load(ordering: .acquiring)
        let appended = state.pointee.appendedBytes.load(ordering: .relaxed)
        return appended > written ? appended - written : 0
    }
    /// The gate but for a full disk.
    var phase: Gate {
        process.isForked ? .forked : Gate(rawValue: state.pointee.phase.load(ordering: .acquiring)) ?? .closed
    }

    // MARK: The holder of the commit token

    /// The oldest block to be written, which stays in the queue; the open block if it is the only one.
    ///
    /// Nil: nothing queued.
    func head() -> Pending? {
        lock.lock()
        defer { lock.unlock() }
        if state.pointee.pending.isEmpty { handOverOpenBlock(nextUnit: 0) }
        return state.pointee.pending.first
    }

    /// Removes the oldest block: it is written.
    ///
    /// Returns whether a producer that waits for room should be woken.
    func finishHead() -> Bool {
        lock.lock()
        let head = state.pointee.pending.removeFirst()
        state.pointee.writtenBytes.store(head.endBytes, ordering: .releasing)
        state.pointee.roomEnd = head.endBytes &+ byteLimit
        state.pointee.admitBytes = state.pointee.claim == nil ? state.pointee.roomEnd : 0
        state.pointee.admitLSN = Self.admitLSN(written: head.lastLSN, limit: eventLimit)
        let queuedBytes = state.pointee.appendedBytes.load(ordering: .relaxed) &- head.endBytes
        let queuedEvents = state.pointee.nextLSN.load(ordering: .relaxed) &- 1 &- head.lastLSN
        // At half, not at once: a producer woken for room of one event would go straight back to sleep.
        let isLow =
            if let claim = state.pointee.claim { hasRoom(bytes: claim.bytes, events: claim.events) } else {
                queuedBytes <= byteLimit / 2 && queuedEvents <= eventLimit / 2
            }
        lock.unlock()
        head.block.reset()
        lock.lock()
        state.pointee.pool.give(head.block)
        lock.unlock()
        return isLow
    }

    /// Moves the open block, if it holds anything, behind the full ones and opens another.
    ///
    /// The lock is held.
    func handOverOpenBlock(nextUnit bytes: Int) {
        let block = state.pointee.open.takeUnretainedValue()
        let holdsEvents = !block.isEmpty
        guard holdsEvents || block.capacity < StagingBlock.capacity(forBody: bytes) else { return }
        let next = state.pointee.pool.take(forUnit: bytes)
        state.pointee.open = .passRetained(next)
        if holdsEvents {
            block.closeFrame()
            state.pointee.pending.append(
                Pending(
                    block: block, endBytes: state.pointee.appendedBytes.load(ordering: .relaxed),
                    lastLSN: block.lastLSN))
        } else {
            state.pointee.pool.give(block)
        }
        Unmanaged.passUnretained(block).release()
    }

    /// Begins a sync that will cover all up to the target, or all accepted if that is nil; returns its generation and target.
    func beginSync(through target: UInt64?) -> (generation: UInt64, target: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        let target = target ?? (state.pointee.nextLSN.load(ordering: .relaxed) &- 1)
        state.pointee.syncGeneration &+= 1
        state.pointee.syncTarget = target
        return (state.pointee.syncGeneration, target)
    }

    /// The sync that was begun last covers no more than this: the other waiters belong to the next.
    func limitSync(to lsn: UInt64) {
        lock.withLock { state.pointee.syncTarget = min(state.pointee.syncTarget, lsn) }
    }

    // MARK: Waiters

    /// The generation of the sync that will cover the LSN: the one under way, if it does, else the next.
    func generation(covering lsn: UInt64) -> UInt64 {
        lock.lock()
        defer { lock.unlock() }
        return lsn <= state.pointee.syncTarget ? state.pointee.syncGeneration : state.pointee.syncGeneration &+ 1
    }

    /// Has the writer write, or sync too, without waiting for its policy.
    func requestCommit(sync: Bool) {
        lock.lock()
        state.pointee.wantsWrite = true
        if sync { state.pointee.wantsSync = true }
        state.pointee.writerMode = .busy
        lock.unlock()
        writerWake.bumpAndWakeOne()
    }

    /// Has the writer look again.
    func wakeWriter() {
        lock.lock()
        state.pointee.writerMode = .busy
        lock.unlock()
        writerWake.bumpAndWakeOne()
    }

    // MARK: The gate

    /// Moves the phase on; returns false, changing nothing, if that step is not one of the life of a log.
    func advance(to next: Gate) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        let isLegal =
            switch (phase, next) {
            case (.open, .draining), (.open, .failed), (.draining, .failed), (.open, .closed), (.draining, .closed),
                (.failed, .closed), (.readOnly, .closed):
                true
            default: false
            }
        guard isLegal else { return false }
        state.pointee.phase.store(next.rawValue, ordering: .releasing)
        updateGate()
        return true
    }

    /// Notes that the disk is full, or has room again.
    ///
    /// Returns whether that is news.
    func setDiskFull(_ isFull: Bool) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        guard state.pointee.isDiskFull != isFull else { return false }
        state.pointee.isDiskFull = isFull
        updateGate()
        return true
    }

    var isDiskFull: Bool { lock.withLock { state.pointee.isDiskFull } }

    /// Has the writer stop and discard what is queued.
    func requestDiscard() {
        lock.lock()
        state.pointee.wantsDiscard = true
        state.pointee.writerMode = .busy
        lock.unlock()
        writerWake.bumpAndWakeOne()
    }

    /// The lock is held.
    func updateGate() {
        let phase = self.phase
        state.pointee.gate =
            phase != .open ? phase : state.pointee.isPaused ? .paused : state.pointee.isDiskFull ? .diskFull : .open
        readingWord.pointee.store(
            state.pointee.cuts << 8 | UInt64(phase.rawValue), ordering: .sequentiallyConsistent)
    }
}
