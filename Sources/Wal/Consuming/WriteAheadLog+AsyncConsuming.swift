internal import SegmentStore
internal import WalPlatform

extension WriteAheadLog {
    /// Runs a consumer in a task; see the synchronous form. Suspends where that blocks, and runs its closures where the caller
    /// runs.
    ///
    /// Ends with `cancelled` when the task is cancelled; what was processed since the last checkpoint comes again.
    ///
    /// - Parameters:
    ///   - name: the consumer's, and its checkpoint's.
    ///   - options: how often checkpoints are saved, and where to start.
    ///   - isolation: where the closures run.
    ///   - restore: gets the state stored with the checkpoint, nil if there is none, before the first event.
    ///   - save: gives the state to be stored with a checkpoint: that after the last event given out.
    ///   - body: processes an event and says whether to go on. If it throws, the event counts as not processed.
    /// - Returns: why it ended, and how far it came.
    /// - Throws: as the synchronous form; `cancelled`, `noThread`.
    @discardableResult
    public func consume(
        _ name: String, options: ConsumerOptions = ConsumerOptions(), isolation: isolated (any Actor)? = #isolation,
        restore: ([UInt8]?) async throws -> Void = { _ in }, save: () async throws -> [UInt8]? = { nil },
        _ body: (Event) async throws -> ReplayStep
    ) async throws -> ConsumerReport {
        try await ConsumerScope.run(core) { try await runConsumer(name, options, restore, save, body) }
    }

    private func runConsumer(
        _ name: String, _ options: ConsumerOptions, _ restore: ([UInt8]?) async throws -> Void,
        _ save: () async throws -> [UInt8]?, isolation: isolated (any Actor)? = #isolation,
        _ body: (Event) async throws -> ReplayStep
    ) async throws -> ConsumerReport {
        let core = self.core
        let opening = AsyncConsumer(core, name, options)
        let consumer = try await onThread { () throws(WalError) in try opening.open() }
        defer { consumer.close() }
        try await restore(consumer.state)
        if consumer.isNew, let state = try await save() {
            try await saveCheckpoint(name, at: consumer.position, state: state)
        }
        while true {
            if Task.isCancelled { throw consumer.cancelled }
            if let event = try consumer.feed.take() {
                let answer = try await body(event)
                consumer.note(event)
                if answer == .stop || consumer.isDue() { try await checkpoint(consumer, try await save()) }
                if answer == .stop { return consumer.report(.stopped) }
                continue
            }
            if consumer.feed.isOver { return consumer.report(.logEnded) }
            let outcome: EventFeed.Outcome
            if let known = consumer.feed.look() {
                outcome = known
            } else {
                outcome = try await onThread(of: core.followDesk) { consumer.feed.fill() }
            }
            switch outcome {
            case .events, .end: continue
            case .wait:
                if consumer.isDue() { try await checkpoint(consumer, try await save()) }
                try await consumer.wait()
            }
        }
    }

    private func checkpoint(
        _ consumer: AsyncConsumer, _ state: [UInt8]?, isolation: isolated (any Actor)? = #isolation
    ) async throws(WalError) {
        do throws(WalError) {
            let ticket = try await onThread { () throws(WalError) in try consumer.ticket() }
            try await core.makeDurable(ticket)
            try await onThread { () throws(WalError) in try consumer.save(state) }
        } catch {
            guard error.code == .closed else { throw error }
            let core = self.core
            guard try await onThread({ () throws(WalError) in core.isEndOfConsumer(error) }) else { throw error }
        }
    }
}

/// What a consumer that runs in a task has in hand.
///
/// Used by its task, and while that is suspended by the one thread that works for it; never by two at once. Hence
/// `@unchecked Sendable`.
private final class AsyncConsumer: @unchecked Sendable {
    private let core: LogCore
    private let name: String
    private let options: ConsumerOptions
    private var run: ConsumerRun?
    private(set) var feed: EventFeed

    init(_ core: LogCore, _ name: String, _ options: ConsumerOptions) {
        self.core = core
        self.name = name
        self.options = options
        feed = EventFeed(core, from: 0, through: nil, delivery: options.delivery)
    }

    func open() throws(WalError) -> AsyncConsumer {
        let opened = try ConsumerRun(core, name, options)
        feed = EventFeed(
            core, from: opened.start, through: nil, delivery: options.delivery, after: opened.position)
        run = consume opened
        return self
    }

    /// Frees what it holds; a shutdown need not wait for it any more.
    func close() {
        run = nil
        feed.finish(cancelled)
    }

    var cancelled: WalError { WalError(.cancelled, "the consumer was cancelled", path: core.path) }
    var state: [UInt8]? { run?.checkpoint?.state }
    var isNew: Bool { run?.checkpoint == nil }
    var position: Position { run?.position ?? .start }

    /// Of the event processed last; throws if that was cut off.
    func ticket() throws(WalError) -> Ticket { try core.checkedTicket(position) }

    func save(_ state: [UInt8]?) throws(WalError) {
        try core.saveCheckpoint(name, at: position, state: state)
        run?.didSave()
    }

    func note(_ event: Event) {
        run?.note(event.position)
    }

    func isDue() -> Bool { run?.due() == .save }

    func report(_ reason: ConsumerReport.Reason) -> ConsumerReport {
        run?.report(reason) ?? ConsumerReport(reason: reason, processedLSN: 0, checkpointLSN: 0)
    }

    /// Waits for an event, for the time of the next checkpoint, or for the log to shut down.
    func wait() async throws(WalError) {
        guard let deadline = run?.deadline else { return try await waitForEvents() }
        let left = deadline - SystemClock.monotonicNanoseconds()
        guard left > 0 else { return }
        // Whichever ends first ends the other.
        let failure = await withTaskGroup(of: WalError?.self) { group in
            group.addTask {
                do throws(WalError) {
                    try await self.waitForEvents()
                    return nil
                } catch {
                    return error
                }
            }
            group.addTask {
                try? await Task.sleep(nanoseconds: UInt64(left))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let failure { throw failure }
    }

    private func waitForEvents() async throws(WalError) {
        try await feed.wait(orUntil: { self.run?.mustLook ?? true })
    }
}
