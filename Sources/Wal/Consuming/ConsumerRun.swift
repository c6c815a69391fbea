internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// How far one run of a consumer has come, and when its next checkpoint is due. Used by one thread or task at a time.
struct ConsumerRun: ~Copyable {
    let core: LogCore
    let name: String
    /// As it was found; nil: there was none.
    let checkpoint: Checkpoint?
    /// The first event to be processed.
    let start: UInt64
    private let every: Int
    private let interval: Int64

    private var processed: Position
    private var saved: Position
    private var unsaved = 0
    /// When the checkpoint is due; nil: nothing has been processed since the last one.
    private(set) var deadline: Int64?
    private var hasSeenDraining = false
    private var isSettled = false

    /// Reads the checkpoint. Where there is none it saves one, so that from here on retention holds what is to be processed.
    init(_ core: LogCore, _ name: String, _ options: ConsumerOptions) throws(WalError) {
        try options.validate()
        try core.checkAlive()
        let found = try Self.find(core, name)
        let first: UInt64
        if let found {
            first = try core.store.resumePoint(of: found)
            saved = found.position
        } else {
            (first, saved) = try Self.hold(core, name, options)
        }
        self.core = core
        self.name = name
        every = options.checkpointEvery
        interval = options.checkpointInterval.wholeNanoseconds
        checkpoint = found
        start = first
        processed = saved
        core.consumers.begin()
    }

    /// Saves a first checkpoint, without state, before anything that takes time is done: retention may be at work.
    private static func hold(
        _ core: LogCore, _ name: String, _ options: ConsumerOptions
    ) throws(WalError) -> (start: UInt64, Position) {
        while true {
            let first = try start(core, options)
            do throws(WalError) {
                let ticket = try core.checkSaving(name, LSN(first - 1), nil)
                try core.makeDurable(ticket)
                return (first, try core.saveCheckpoint(name, at: ticket, state: nil))
            } catch {
                // Retention was faster, or the log was emptied: there is another oldest event.
                guard error.code == .truncated, options.start == 0, core.store.firstLSN > first else { throw error }
            }
        }
    }

    private static func start(_ core: LogCore, _ options: ConsumerOptions) throws(WalError) -> UInt64 {
        let oldest = core.store.firstLSN
        if options.start == 0 { return oldest }
        guard options.start.rawValue >= oldest else {
            throw WalError(
                .truncated, "the consumer can't start at LSN \(options.start): the oldest event kept is \(oldest)",
                path: core.path, lsns: options.start...LSN(oldest - 1))
        }
        return options.start.rawValue
    }

    deinit {
        if !isSettled { core.settleConsumer() }
    }

    private static func find(_ core: LogCore, _ name: String) throws(WalError) -> Checkpoint? {
        do throws(WalError) {
            return try core.store.checkpoint(name)
        } catch {
            guard error.code == .unknownCheckpoint else { throw error }
            return nil
        }
    }

    /// An event was processed.
    mutating func note(_ position: Position) {
        processed = position
        unsaved += 1
        if deadline == nil {
            let (sum, overflow) = SystemClock.monotonicNanoseconds().addingReportingOverflow(interval)
            deadline = overflow ? .max : sum
        }
    }

    /// What is to be done before the next event, or before waiting for one.
    enum Due {
        case nothing
        /// A checkpoint is to be saved.
        case save
    }

    mutating func due() -> Due {
        if isDraining, isDueWhileDraining() { return .save }
        guard unsaved > 0, let deadline else { return .nothing }
        if unsaved >= every { return .save }
        return SystemClock.monotonicNanoseconds() >= deadline ? .save : .nothing
    }

    /// The log is shutting down: what has been processed is saved at once, and again behind the last event there will be.
    private mutating func isDueWhileDraining() -> Bool {
        let isLast = processed.lsn.rawValue >= core.queue.lastAssigned || start > core.queue.lastAssigned
        let isFirst = !hasSeenDraining
        hasSeenDraining = true
        if unsaved > 0, isLast || isFirst { return true }
        if isLast { settle() }
        return false
    }

    /// Whether a wait for events is to be broken off to look what is due.
    ///
    /// Once only: behind that it is events that make something due, and those end the wait themselves.
    var mustLook: Bool { isDraining && !hasSeenDraining }

    private var isDraining: Bool { core.queue.phase == .draining && !isSettled }

    private mutating func settle() {
        isSettled = true
        core.settleConsumer()
    }

    /// Where the checkpoint to be saved stands: at the event processed last.
    var position: Position { processed }

    /// A checkpoint was saved at `position`.
    mutating func didSave() {
        saved = processed
        unsaved = 0
        deadline = nil
        if isDraining { _ = isDueWhileDraining() }
    }

    func report(_ reason: ConsumerReport.Reason) -> ConsumerReport {
        ConsumerReport(reason: reason, processedLSN: processed.lsn, checkpointLSN: saved.lsn)
    }
}

extension LogCore {
    /// A consumer has saved all it will: the writer may be waiting to close the log.
    func settleConsumer() {
        if queue.isForked { return }
        consumers.settle()
        queue.wakeWriter()
    }

    /// Whether an error of saving means no more than that the log was shut down before: what has been processed since the last
    /// checkpoint will come again.
    ///
    /// Blocks until the log has ended: its files are closed a little before it says how, other consumers still saving theirs.
    func isEndOfConsumer(_ error: WalError) -> Bool {
        guard error.code == .closed else { return false }
        while true {
            let seen = signals.lifecycle.load()
            guard queue.phase == .draining else { return hasEndedCleanly.load(ordering: .acquiring) }
            signals.lifecycle.wait(while: seen)
        }
    }
}
