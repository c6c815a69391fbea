internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// All of a log but the object the user holds: the threads hold this, so that the public object can go at any time.
///
/// Lock order: commit token → the store's `workLock` → its `maintenanceLock` → its own; commit token → queue's lock, the mutexes of
/// waiters and observer. The maintenance lock and the token are taken together in `end`, by the one thread that closes, in
/// `truncate(after:)`, and where the writer does what the background can't keep up with.
final class LogCore: Sendable {
    let options: WriteAheadLog.Options
    let path: String
    let store: LogStore
    let queue: AppendQueue
    let signals: Signals
    let counters: Counters
    let committer: Committer
    let maintenance: MaintenanceSignal
    let hub: ObserverHub?
    /// Makes its holder the one caller of the store's maintenance steps and of truncation.
    ///
    /// Held during system calls, and handed on to whoever has waited longest.
    var maintenanceLock: FairLock { store.maintenanceLock }
    let retainer: Retainer
    let consumers = Consumers()
    let followDesk = FollowDesk()
    /// Of a log that another process writes.
    let poller: TailPoller?
    /// Set before the phase says closed: all that was accepted is on stable storage, and can be read to its end.
    let hasEndedCleanly = Atomic<Bool>(false)

    private let writerThread = Guarded<SystemThread?>(nil)
    private let maintenanceThread = Guarded<SystemThread?>(nil)
    private let hasEnded = Atomic<Bool>(false)
    /// Of those who wait for the shutdown.
    private let deadlines = Guarded<[Int64]>([])
    /// What a shutdown that finds the log closed must say: that not all of it was made durable.
    private let endError = SharedError()
    /// What freeing the directory failed with; for close.
    private let closeError = SharedError()
    /// That accepted events were thrown away; for close.
    private let discardError = SharedError()

    static func open(_ directory: DirectoryPath, options: WriteAheadLog.Options) throws(WalError) -> LogCore {
        try options.validate()
        let path = directory.description
        let refusal = ForkMark.watch()
        guard refusal == 0 else {
            throw WalError(
                .io, "could not ask the system to tell of forks", path: path, errno: Errno(rawValue: -refusal))
        }
        let counters = Counters()
        let maintenance = MaintenanceSignal(segmentSize: options.segmentSize)
        var hub: ObserverHub?
        if let observer = options.observer {
            do throws(SystemThread.StartError) {
                hub = try ObserverHub.start(observer, label: path, limit: options.observerQueue)
            } catch {
                throw WalError(noThread: error, path: path)
            }
        }
        do throws(WalError) {
            let retention = RetentionSchedule(options)
            let environment = environment(options, counters, maintenance, retention, hub)
            let store = try LogStore.open(directory, options: options.storeOptions, environment: environment)
            let core = LogCore(path, options, store, counters, maintenance, retention, hub)
            if !options.readOnly { try core.startThreads() }
            hub?.post(.lifecycle(.running))
            return core
        } catch {
            if error.code == .corrupted { hub?.post(.corruption(error)) }
            hub?.finish()
            throw error
        }
    }

    private static func environment(
        _ options: WriteAheadLog.Options, _ counters: Counters, _ maintenance: MaintenanceSignal,
        _ retention: RetentionSchedule?, _ hub: ObserverHub?
    ) -> StoreEnvironment {
        var environment = StoreEnvironment(
            storage: options.storage.implementation, now: SystemClock.wallNanoseconds, random: SystemRandom.bits64
        ) { event in
            switch event {
            case .rolled(let base, let path):
                counters.rolls.increment()
                maintenance.kick()
                hub?.post(.rolled(firstLSN: base, path: path))
            case .settled(let base, let path):
                retention?.noteSettled()
                maintenance.kick()
                hub?.post(.segmentSettled(firstLSN: base, path: path))
            case .sealed(let base, let path): hub?.post(.segmentSealed(firstLSN: base, path: path))
            case .compressed(let base, let path, let rawBytes, let fileBytes):
                hub?.post(.segmentCompressed(firstLSN: base, path: path, rawBytes: rawBytes, fileBytes: fileBytes))
            case .deleted(let base, let path): hub?.post(.segmentDeleted(firstLSN: base, path: path))
            case .corruption(let error): hub?.post(.corruption(error))
            case .refused(let error): hub?.post(.error(error))
            }
        }
        environment.monotonic = SystemClock.elapsedNanoseconds
        environment.processorCount = SystemProcessors.count
        environment.flaws = options.flaws
        environment.spawn = { body in (try? SystemThread(name: "wal-ahead", body)) != nil }
        return environment
    }

    private init(
        _ path: String, _ options: WriteAheadLog.Options, _ store: LogStore, _ counters: Counters,
        _ maintenance: MaintenanceSignal, _ retention: RetentionSchedule?, _ hub: ObserverHub?
    ) {
        self.path = path
        self.options = options
        self.store = store
        self.counters = counters
        self.maintenance = maintenance
        self.hub = hub
        queue = AppendQueue(
            nextLSN: store.writtenLSN + 1, byteLimit: options.queueBytes, eventLimit: options.queueEvents,
            largestUnit: store.largestUnit, isReadOnly: options.readOnly)
        signals = Signals(queue: queue)
        poller = options.readOnly ? TailPoller(pauses: options.pollInterval) : nil
        retainer = Retainer(
            retention, store: store, queue: queue, signals: signals, maintenance: maintenance,
            hub: hub)
        committer = Committer(
            queue: queue, store: store, signals: signals, counters: counters, hub: hub, maintenance: maintenance,
            retainer: retainer)
    }

    private func startThreads() throws(WalError) {
        // The writer's first step comes before any other commit: it gets the token before anybody can ask for it.
        committer.token.acquire()
        do throws(SystemThread.StartError) {
            let maintenance = try SystemThread(name: "wal-maintain") { [self] in MaintenanceThread(core: self).run() }
            maintenanceThread.withLock { $0 = maintenance }
            let writer = try SystemThread(name: "wal-writer") { [self] in WriterThread(core: self).run() }
            writerThread.withLock { $0 = writer }
        } catch {
            _ = queue.advance(to: .closed)
            end(cleanly: false)
            throw WalError(noThread: error, path: path)
        }
    }

    var state: WriteAheadLog.State {
        switch queue.phase {
        case .open, .diskFull, .readOnly, .paused: .running
        case .draining: .draining
        case .failed: .failed
        case .closed: .closed
        case .forked: hasEnded.load(ordering: .acquiring) ? .closed : .failed
        }
    }

    /// A step that is no commit has moved the durable position.
    func durableMovedElsewhere() {
        signals.durable.wakeAll()
        signals.followers.durableMoved()
        signals.tasks.advance(durable: store.durableLSN, written: store.writtenLSN)
    }

    // MARK: The end

    /// Closes the store.
    ///
    /// Called once, by the writer thread, which holds the commit token; who gets the token after sees the log closed.
    func end(cleanly: Bool) {
        maintenance.stop()
        maintenanceThread.withLock { $0 }?.join()
        if cleanly { sealAtEnd() }
        let discarded = queue.lastAssigned.subtractingClamped(store.writtenLSN)
        do throws(WalError) {
            // A truncation that is under way on some thread ends first, and a slice of compressing.
            try store.workLock.withLock { () throws(WalError) in
                try maintenanceLock.withLock { () throws(WalError) in
                    if cleanly { try store.closeCleanly() } else { try store.abandon() }
                }
            }
        } catch {
            if cleanly {
                endError.set(signals.failure.setIfUnset(error).asFailure)
                try? store.abandon()
            } else {
                closeError.set(error)
            }
        }
        if !cleanly {
            if discarded > 0 {
                let error = discarding(discarded, after: signals.failure.value)
                discardError.set(error)
                endError.set(error)
            }
            if let failure = signals.failure.value { endError.set(failure.asFailure) }
        }
        if cleanly, endError.value == nil { hasEndedCleanly.store(true, ordering: .releasing) }
        _ = queue.advance(to: .closed)
        hub?.post(.lifecycle(.closed))
        hub?.finish()
        hasEnded.store(true, ordering: .releasing)
        committer.release()
        signals.wakeEverybody()
    }

    /// Seals what the background had no time for, with at most half of the time that those who wait for the shutdown have left.
    private func sealAtEnd() {
        let start = SystemClock.monotonicNanoseconds()
        do throws(WalError) {
            try store.sealAtEnd {
                guard let deadline = deadlines.withLock({ $0.min() }) else { return true }
                return SystemClock.monotonicNanoseconds() < start + (deadline - start) / 2
            }
        } catch {
            // The next opening seals them. Has the store failed, closing says so.
            if store.failure == nil { hub?.post(.error(error)) }
        }
    }

    private func discarding(_ count: UInt64, after failure: WalError?) -> WalError {
        let cause = failure.map { ", the log having failed (\($0.code.name): \($0.message))" } ?? ""
        return WalError(
            .discarded,
            "the log is closed, and the last \(count == 1 ? "event" : "\(count) events") it had accepted and not yet written went with it\(cause)",
            path: path, lsns: LSN(store.writtenLSN + 1)...LSN(queue.lastAssigned))
    }

    /// Closing in a forked child: no unlocking, nothing written, and no thread to wait for.
    private func closeInForkedChild() {
        if hasEnded.exchange(true, ordering: .acquiringAndReleasing) { return }
        store.closeInForkedChild()
    }

    /// Has the log closed without waiting for it.
    func requestClose() {
        if queue.isForked { return closeInForkedChild() }
        guard queue.advance(to: .closed) || !hasEnded.load(ordering: .acquiring) else { return }
        if options.readOnly {
            if hasEnded.exchange(true, ordering: .acquiringAndReleasing) { return }
            do throws(WalError) { try store.abandon() } catch { closeError.set(error) }
            poller?.stop()
            hub?.post(.lifecycle(.closed))
            hub?.finish()
        } else {
            queue.requestDiscard()
        }
        signals.wakeEverybody()
    }

    func close() throws(WalError) {
        requestClose()
        if queue.isForked { return }
        _ = waitForEnd(until: nil, orWhile: { true })
        writerThread.withLock { $0 }?.join()
        if let error = discardError.value ?? closeError.value { throw error }
    }

    /// Waits until the log is closed; returns false if the deadline passed or `goesOn` became false.
    private func waitForEnd(until deadline: Int64?, orWhile goesOn: () -> Bool) -> Bool {
        while true {
            let seen = signals.lifecycle.load()
            if hasEnded.load(ordering: .acquiring) { return true }
            guard goesOn() else { return false }
            let left = deadline.map { $0 - SystemClock.monotonicNanoseconds() }
            if let left, left <= 0 { return false }
            signals.lifecycle.wait(while: seen, timeoutNanoseconds: left)
        }
    }

    /// - Parameter fromConsumer: whether a consumer of this log waits for it: then the log need only be drained.
    func shutdown(timeout: Duration?, fromConsumer: Bool) throws(WalError) {
        if options.readOnly || queue.isForked { return try close() }
        let deadline = timeout.map { timeout in
            let (sum, overflow) = SystemClock.monotonicNanoseconds().addingReportingOverflow(
                timeout > .zero ? timeout.wholeNanoseconds : 0)
            return overflow ? Int64.max : sum
        }
        if let deadline { deadlines.withLock { $0.append(deadline) } }
        defer {
            if let deadline {
                deadlines.withLock { deadlines in
                    if let index = deadlines.firstIndex(of: deadline) { deadlines.remove(at: index) }
                }
            }
        }
        let attempts = signals.diskFullAttempts.load(ordering: .acquiring)
        consumers.limit(to: timeout?.wholeNanoseconds, byConsumer: fromConsumer)
        if queue.advance(to: .draining) { hub?.post(.lifecycle(.draining)) }
        if queue.phase == .failed { return try shutdownFailed() }
        queue.requestRetry()
        // Blocked producers and tasks hear that there will be no more room.
        signals.wakeEverybody()
        let signals = self.signals
        let queue = self.queue
        let consumers = self.consumers
        let isClosed = waitForEnd(until: deadline) {
            queue.phase != .failed && signals.diskFullAttempts.load(ordering: .acquiring) == attempts
                && !(fromConsumer && consumers.areAwaited)
        }
        if isClosed {
            if let error = endError.value { throw error }
            return
        }
        if queue.phase == .failed { return try shutdownFailed() }
        if fromConsumer, consumers.areAwaited { return }
        if signals.diskFullAttempts.load(ordering: .acquiring) != attempts, let error = signals.diskFull.value {
            throw error
        }
        throw WalError(
            .timedOut, "the log was not drained in time; shut it down again to wait longer, or close it", path: path)
    }

    /// A failed log can't be drained: frees the directory and says why.
    private func shutdownFailed() throws(WalError) {
        do throws(WalError) {
            try close()
        } catch {
            // That events were thrown away follows from the failure, which is told here once and for all.
            if error.code != .discarded { throw error }
        }
        discardError.clear()
        throw (signals.failure.value ?? WalError(.failed, "the log has failed", path: path)).asFailure
    }
}

extension AppendQueue {
    /// Has the writer try at once what found no room.
    func requestRetry() {
        lock.withLock { state.pointee.wantsRetry = true }
        wakeWriter()
    }
}
