internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// An error that threads share.
///
/// Innermost lock.
final class SharedError: Sendable {
    private let error = Guarded<WalError?>(nil)

    var value: WalError? { error.withLock { $0 } }

    func set(_ new: WalError) { error.withLock { $0 = new } }

    func clear() { error.withLock { $0 = nil } }

    /// Keeps the first error it is given, and returns that.
    func setIfUnset(_ new: WalError) -> WalError {
        error.withLock { error in
            if let error { return error }
            error = new
            return new
        }
    }
}

/// Where threads and tasks wait for a log to get on, and the errors that end their waiting.
///
/// Who changes the state of the log does so first and signals after; who waits reads the word, then looks at the state,
/// then sleeps on the word.
final class Signals: Sendable {
    /// For `waitDurable` and its like.
    let durable = DurableWords()
    /// For `flush`: bumped whenever the token comes free.
    let written = WaitWord()
    /// For shutdown and close.
    let lifecycle = WaitWord()
    let tasks = AsyncWaiters()
    let followers = Followers()
    /// The first cause.
    let failure = SharedError()
    /// The last time a write found no room.
    let diskFull = SharedError()
    /// Whether the last sync could not be done and is to be tried again.
    let isSyncStuck = Atomic<Bool>(false)
    /// How often a write found no room.
    let diskFullAttempts = Atomic<UInt64>(0)
    private let queue: AppendQueue

    init(queue: AppendQueue) {
        self.queue = queue
    }

    /// The state of the log has changed in a way that may concern anybody.
    func wakeEverybody() {
        queue.space.bumpAndWakeAll()
        queue.claimedSpace.bumpAndWakeAll()
        durable.wakeAll()
        written.bumpAndWakeAll()
        lifecycle.bumpAndWakeAll()
        followers.wakeAll()
        tasks.wakeAll()
    }

    /// There is room in the queue: wakes whoever has a claim on it, or one thread and one task that wait for it; each wakes the next.
    func wakeProducer() {
        if queue.wakeClaimant() {
            tasks.wakeClaimant()
            return
        }
        queue.wakeProducer()
        tasks.wakeOneProducer()
    }
}
