internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// The steps of a commit.
///
/// Every method is for the holder of the commit token.
///
/// Lock order: token → (queue's lock | a mutex of the waiters | of the observer). The store has locks of its own, below all.
final class Committer: Sendable {
    let queue: AppendQueue
    let store: LogStore
    let token = CommitToken()
    let signals: Signals
    let counters: Counters
    private let hub: ObserverHub?
    private let maintenance: MaintenanceSignal
    private let retainer: Retainer

    init(
        queue: AppendQueue, store: LogStore, signals: Signals, counters: Counters, hub: ObserverHub?,
        maintenance: MaintenanceSignal, retainer: Retainer
    ) {
        self.retainer = retainer
        self.counters = counters
        self.queue = queue
        self.store = store
        self.signals = signals
        self.hub = hub
        self.maintenance = maintenance
    }

    /// Gives the token back and hands on: to one thread that waits for durability and isn't covered yet.
    func release() {
        token.release()
        signals.written.bumpAndWakeAll()
        signals.durable[queue.generation(covering: .max)].bumpAndWakeOne()
    }

    /// Writes the oldest block of the queue; false if the queue is empty.
    func writeOne() throws(WalError) -> Bool {
        guard let head = queue.head() else { return false }
        let events = head.block.eventCount
        let bytes = head.block.end
        let durable = store.durableLSN
        do throws(WalError) {
            try store.write(head.block)
            try retainer.catchUp()
            if store.isSealingOverdue.load(ordering: .relaxed) { try catchUpWithSealing() }
        } catch {
            throw failed(error)
        }
        counters.groups.increment()
        counters.bytes.add(UInt64(bytes), ordering: .relaxed)
        if queue.finishHead() { signals.wakeProducer() }
        if queue.setDiskFull(false) { signals.wakeEverybody() }
        maintenance.noteWritten(Int(store.options.padding.sectorEnd(UInt64(bytes))))
        signals.followers.writtenMoved()
        noteDurable(since: durable)
        signals.tasks.advance(durable: store.durableLSN, written: store.writtenLSN)
        hub?.post(.written(events: events, bytes: bytes, lastLSN: LSN(head.lastLSN)))
        return true
    }

    /// Seals a segment in the background's stead, which has not kept up: what an unfinished log leaves to be done is bounded.
    private func catchUpWithSealing() throws(WalError) {
        do throws(WalError) {
            try store.maintenanceLock.withLock { () throws(WalError) in try store.catchUpWithSealing() }
        } catch {
            if store.failure != nil { throw error }
            hub?.post(.error(error))
        }
    }

    /// A roll may have synced, where too many rolled segments were waiting for it.
    private func noteDurable(since before: UInt64) {
        guard store.durableLSN != before else { return }
        signals.durable.wakeAll()
        signals.followers.durableMoved()
        maintenance.noteDurable()
    }

    /// Writes all up to the LSN.
    func write(through lsn: UInt64) throws(WalError) {
        while store.writtenLSN < lsn, try writeOne() {}
    }

    /// Makes all that was accepted before the call durable, and lets everybody know whom it covers.
    ///
    /// - Parameter needed: what the caller waits for. If the disk is full behind it, that is none of its concern.
    func commitDurably(needed: UInt64 = 0) throws(WalError) {
        let (generation, target) = queue.beginSync(through: nil)
        do throws(WalError) {
            try write(through: target)
        } catch {
            guard isPassing(error), store.writtenLSN >= needed else {
                // Nobody is left waiting for a sync that does not come.
                queue.limitSync(to: 0)
                signals.durable[generation].bumpAndWakeAll()
                throw error
            }
            queue.limitSync(to: store.writtenLSN)
        }
        // Who waits for the write alone need not wait for the sync that follows.
        signals.written.bumpAndWakeAll()
        try sync(generation: generation)
    }

    /// Makes all that is written durable.
    func syncWritten() throws(WalError) {
        let (generation, _) = queue.beginSync(through: store.writtenLSN)
        try sync(generation: generation)
    }

    private func sync(generation: UInt64) throws(WalError) {
        if store.hasUnfinishedCut { try finishCut() }
        let before = store.durableLSN
        if store.durableLSN < store.writtenLSN {
            let start = hub == nil ? 0 : SystemClock.monotonicNanoseconds()
            do throws(WalError) {
                try store.sync()
            } catch {
                throw failedSync(error)
            }
            counters.syncs.increment()
            if let hub {
                let duration = Duration.nanoseconds(SystemClock.monotonicNanoseconds() - start)
                hub.post(.synced(durableLSN: LSN(store.durableLSN), duration: duration))
            }
        }
        noteSynced()
        let flaws = store.environment.flaws
        signals.durable[flaws.contains(.wakesNextGeneration) ? generation &+ 1 : generation].bumpAndWakeAll()
        if store.durableLSN != before {
            signals.followers.durableMoved()
            maintenance.noteDurable()
        }
        signals.tasks.advance(durable: store.durableLSN, written: store.writtenLSN)
    }

    /// Starts a new segment behind all that was accepted before the call.
    func rotate() throws(WalError) -> Bool {
        try write(through: queue.lastAssigned)
        let durable = store.durableLSN
        defer {
            noteDurable(since: durable)
            signals.tasks.advance(durable: store.durableLSN, written: store.writtenLSN)
        }
        do throws(WalError) {
            return try store.rotate()
        } catch {
            // Nothing was changed and, what was accepted before being written, nobody else is concerned.
            if store.failure == nil { throw isPassing(error) ? error.asUnavailable : error }
            throw failed(error)
        }
    }

    /// Goes on with a cut that could not be carried out.
    private func finishCut() throws(WalError) {
        do throws(WalError) {
            try store.maintenanceLock.withLock { () throws(WalError) in try store.finishCut() }
        } catch {
            throw failedSync(error)
        }
    }

    /// A cut is decided and can't be carried out now: it is tried again as a sync that could not be done is.
    func stuckCut(_ error: WalError) -> WalError { failedSync(error) }

    /// Writes and syncs what recovery found above the watermark: the first step of all.
    func rewriteUnvouched() throws(WalError) {
        do throws(WalError) {
            try store.rewriteUnvouched()
        } catch {
            throw failedSync(error)
        }
        signals.followers.durableMoved()
        signals.tasks.advance(durable: store.durableLSN, written: store.writtenLSN)
    }

    /// Whether the cause may pass by itself and left the block as it was: no room, or a new segment that can't be made now.
    private func isPassing(_ error: WalError) -> Bool {
        store.failure == nil && error.code != .closed && error.code != .tooLarge
    }

    /// A sync that could not be done, and is tried again as a write that found no room is.
    private func failedSync(_ error: WalError) -> WalError {
        if isPassing(error) {
            signals.isSyncStuck.store(true, ordering: .releasing)
            // Nobody waits for a sync that does not come.
            queue.limitSync(to: 0)
        }
        return failed(error)
    }

    private func noteSynced() {
        guard signals.isSyncStuck.load(ordering: .acquiring) else { return }
        signals.isSyncStuck.store(false, ordering: .releasing)
        // Where writes are stuck as well, the first that succeeds says so.
        if store.writtenLSN == queue.lastAssigned, queue.setDiskFull(false) { signals.wakeEverybody() }
    }

    /// Turns an error of a writing step into the log's state: out of room or the like, which passes, or failed, which stays.
    private func failed(_ error: WalError) -> WalError {
        if isPassing(error) {
            let error = error.asUnavailable
            signals.diskFull.set(error)
            if queue.setDiskFull(true) { hub?.post(.error(error)) }
            signals.diskFullAttempts.increment()
            signals.wakeEverybody()
            // What may go anyway makes room.
            retainer.request()
            // The writer may be asleep, the caller having led: trying again on a timer is the writer's to do.
            queue.wakeWriter()
            return error
        }
        return fail(store.failure ?? error)
    }

    /// Fails the log for good.
    ///
    /// Returns the error that everybody gets from now on. May be called without the token.
    @discardableResult
    func fail(_ cause: WalError) -> WalError {
        let first = signals.failure.setIfUnset(cause)
        if queue.advance(to: .failed) {
            hub?.post(.error(first))
            hub?.post(.lifecycle(.failed))
        }
        if !store.environment.flaws.contains(.leavesWaitersAsleep) { signals.wakeEverybody() }
        return first.asFailure
    }
}

extension WalError {
    /// What is told to all whom a step concerns that can't be done now and is tried again.
    var asUnavailable: WalError {
        guard code != .diskFull, code != .unavailable else { return self }
        var error = self
        error.code = .unavailable
        error.message = "\(message) (\(code.name)); no event is lost, and the log goes on by itself once it is possible"
        return error
    }

    /// The error of every call after the first cause, which it tells.
    var asFailure: WalError {
        var error = self
        if code != .failed, code != .directoryRemoved {
            error.code = .failed
            error.message =
                "the log has failed and must be closed and opened again; the cause was \(code.name): \(message)"
        }
        return error
    }
}
