internal import Synchronization
internal import WalPlatform

/// The right to write: whoever holds it is the one caller of the store's writing steps, be it the writer thread or a
/// caller that leads a commit for itself and others.
///
/// Above the queue's lock in the lock order: its holder takes that lock, never the other way about. Held during system
/// calls, so closing waits for the one in flight by taking it.
final class CommitToken: Sendable {
    private let isHeld = Atomic<Bool>(false)
    private let freed = WaitWord()

    var isFree: Bool { !isHeld.load(ordering: .acquiring) }

    func tryAcquire() -> Bool {
        !isHeld.load(ordering: .relaxed)
            && isHeld.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged
    }

    /// Waits until the token is free and takes it.
    func acquire() {
        while true {
            let seen = freed.load()
            if tryAcquire() { return }
            freed.wait(while: seen)
        }
    }

    func release() {
        isHeld.store(false, ordering: .sequentiallyConsistent)
        freed.bumpAndWakeOne()
    }
}
