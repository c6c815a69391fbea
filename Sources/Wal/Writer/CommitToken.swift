internal import WalPlatform

/// The right to write: whoever holds it is the one caller of the store's writing steps, be it the writer thread or a
/// caller that leads a commit for itself and others.
///
/// Above the queue's lock in the lock order: its holder takes that lock, never the other way about. Held during system
/// calls, so closing waits for the one in flight by taking it.
final class CommitToken: Sendable {
    private let lock = FairLock()

    /// Whether nobody has it and nobody waits for it.
    var isFree: Bool { lock.isFree }

    /// Takes the token if it is free. Who leads a commit goes behind those who wait in `acquire`, however many lead one after
    /// the other.
    func tryAcquire() -> Bool { lock.tryLock() }

    /// Waits for its turn and takes the token.
    func acquire() { lock.lock() }

    func release() { lock.unlock() }
}
