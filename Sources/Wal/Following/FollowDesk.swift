internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// Counts somebody who follows the log, for as long as it lives.
final class FollowerPresence: Sendable {
    private let core: LogCore

    init(_ core: LogCore) {
        self.core = core
        core.signals.followers.count.add(1, ordering: .sequentiallyConsistent)
    }

    deinit {
        // In a forked child nobody waits, and the locks may be held for ever.
        if core.queue.isForked { return }
        guard core.signals.followers.count.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 else { return }
        core.poller?.stop()
        core.followDesk.forgetAll()
    }
}

/// Events that a follower has read, for others that come to the same place.
struct EventChunk: Sendable {
    /// One behind the other, at least one.
    let events: [Event]
    /// The event that was given out before the first; nil if the reader had begun there.
    let before: Position?
    /// The cuts there had been when they were read.
    let cuts: UInt64

    /// The events from an LSN on up to another one, for a reader that was given `given` last and has noted these cuts.
    func events(
        from lsn: UInt64, through horizon: UInt64, after given: Position?, cuts: UInt64
    ) -> ArraySlice<Event>? {
        guard cuts == self.cuts, let first = events.first?.lsn.rawValue, lsn >= first, lsn <= horizon,
            lsn - first < UInt64(events.count)
        else { return nil }
        let index = Int(lsn - first)
        // Else the two have read files that an other process has cut in between.
        if let given, given != (index == 0 ? before : events[index - 1].position) { return nil }
        return events[index...].prefix(Int(clamping: horizon - lsn + 1))
    }
}

/// What the tasks that follow a log share, so that many of them take hardly more than a few: the threads that read for them, the
/// events read last, and the cursor that stands at the end of the log.
final class FollowDesk: Sendable {
    struct Job: Sendable {
        let body: @Sendable () -> Void
        /// There is no thread for it.
        let refuse: @Sendable (SystemThread.StartError) -> Void
    }

    /// How many threads read at once.
    static let threadsMax = 4
    /// How many tasks keep the segment they are in open between two reads.
    static let readersMax = 16
    /// Bytes of events that all tasks together have read ahead, about.
    private static let bytesAhead = 16 << 20
    private static let chunksMax = 4

    private struct State {
        var running = 0
        var jobs: [Job] = []
        var chunks: [EventChunk] = []
        var written: FollowReader?
        var durable: FollowReader?
    }

    /// Above the store's locks: what is forgotten goes outside of it.
    private let state = Guarded(State())
    /// How many readers there are, parked or not.
    let readerCount = Atomic<Int>(0)

    // MARK: Threads

    /// Runs a job that may block for disk reads on one of a few threads, in its turn.
    func run(_ job: Job) {
        let mustStart = state.withLock { state in
            state.jobs.append(job)
            guard state.running < Self.threadsMax else { return false }
            state.running += 1
            return true
        }
        guard mustStart else { return }
        do throws(SystemThread.StartError) {
            try callThreads.run { self.work() }
        } catch {
            // Those that run take its jobs; where there is none, nobody does.
            let refused = state.withLock { state -> [Job] in
                state.running -= 1
                guard state.running == 0 else { return [] }
                defer { state.jobs = [] }
                return state.jobs
            }
            for job in refused { job.refuse(error) }
        }
    }

    private func work() {
        while let job = next() { job.body() }
    }

    private func next() -> Job? {
        state.withLock { state in
            guard state.jobs.isEmpty else { return state.jobs.removeFirst() }
            state.running -= 1
            return nil
        }
    }

    // MARK: Events

    /// How many bytes one of so many followers may read ahead.
    static func chunkBytes(followers: Int) -> Int {
        min(max(bytesAhead / max(followers, 1), 8 << 10), 256 << 10)
    }

    func add(_ chunk: EventChunk) {
        // What goes goes after the lock.
        var gone: [EventChunk] = []
        state.withLock { state in
            if state.chunks.count >= Self.chunksMax { gone.append(state.chunks.removeFirst()) }
            state.chunks.append(chunk)
        }
    }

    /// Events read lately; see `EventChunk`.
    func events(from lsn: UInt64, through horizon: UInt64, after given: Position?, cuts: UInt64) -> ArraySlice<Event>? {
        let chunks = state.withLock { $0.chunks }
        for chunk in chunks.reversed() {
            if let events = chunk.events(from: lsn, through: horizon, after: given, cuts: cuts) { return events }
        }
        return nil
    }

    // MARK: Cursors

    /// Keeps a reader that waits for the next event, for whoever reads that: one for each kind of delivery.
    func park(_ reader: FollowReader) {
        let next = reader.nextLSN
        let gone = state.withLock { state -> FollowReader? in
            let path = reader.delivery == .written ? \State.written : \State.durable
            let old = state[keyPath: path]
            if let old, old.nextLSN >= next { return reader }
            state[keyPath: path] = reader
            return old
        }
        withExtendedLifetime(gone) {}
    }

    /// The parked reader that stands where another one stands.
    func takeParked(_ delivery: Delivery, at lsn: UInt64, after given: Position?) -> FollowReader? {
        state.withLock { state in
            let path = delivery == .written ? \State.written : \State.durable
            guard let reader = state[keyPath: path], reader.nextLSN == lsn, reader.given == given else { return nil }
            state[keyPath: path] = nil
            return reader
        }
    }

    /// Nobody follows any more.
    func forgetAll() {
        let gone = state.withLock { state -> (FollowReader?, FollowReader?, [EventChunk]) in
            defer { (state.written, state.durable, state.chunks) = (nil, nil, []) }
            return (state.written, state.durable, state.chunks)
        }
        withExtendedLifetime(gone) {}
    }
}

/// A cursor as tasks that follow a log hand it on: each can go on where another one stood, if that was given the same event last.
///
/// Used by one thread at a time; handed over under the desk's lock. Hence `@unchecked Sendable`.
final class FollowReader: @unchecked Sendable {
    var cursor: FollowCursor
    /// The rest of the frame it is in.
    var run: RecordRun?
    /// The event it has read last, or before it began.
    var given: Position?
    private let desk: FollowDesk

    init(_ cursor: consuming FollowCursor, _ desk: FollowDesk, after given: Position?) {
        self.cursor = cursor
        self.desk = desk
        self.given = given
        desk.readerCount.add(1, ordering: .relaxed)
    }

    deinit {
        desk.readerCount.subtract(1, ordering: .relaxed)
    }

    var nextLSN: UInt64 { cursor.nextLSN }
    var delivery: Delivery { cursor.delivery }
}

/// Reads for a task on one of the desk's threads, and suspends it meanwhile.
func onThread<Result: Sendable>(
    of desk: FollowDesk, _ body: @escaping @Sendable () -> Result
) async throws(WalError) -> Result {
    // See the other form.
    let outcome = Guarded<Swift.Result<Result, WalError>?>(nil)
    await withCheckedContinuation { continuation in
        let end: @Sendable (Swift.Result<Result, WalError>) -> Void = { result in
            outcome.withLock { $0 = result }
            continuation.resume()
        }
        desk.run(
            FollowDesk.Job(
                body: { end(.success(body())) }, refuse: { end(.failure(WalError(noThread: $0))) }))
    }
    guard let result = outcome.withLock({ $0 }) else {
        preconditionFailure("a call on another thread ended without a result")
    }
    return try result.get()
}
