internal import Synchronization
internal import WalPlatform

/// Where those who follow a log wait for more, and what the writer must know of them.
///
/// A step of the log moves the written or the durable position on and says so here after; a follower reads the word, then
/// looks, then sleeps on the word. Where nobody waits that costs the step two atomic operations.
final class Followers: Sendable {
    /// For those that want events once they are in the file.
    private let written = WaitWord()
    /// For those that want them durable.
    private let durable = WaitWord()
    /// How many there are, waiting or not.
    let count = Atomic<Int>(0)
    private let impatient = Atomic<Int>(0)

    func word(_ delivery: Delivery) -> WaitWord { delivery == .written ? written : durable }

    /// Whether somebody waits for the next write: the writer doesn't let a block fill for long then.
    var areImpatient: Bool { impatient.load(ordering: .relaxed) > 0 }

    func writtenMoved() { written.bumpAndWakeAll() }

    func durableMoved() { durable.bumpAndWakeAll() }

    func wakeAll() {
        written.bumpAndWakeAll()
        durable.bumpAndWakeAll()
    }

    func beginWait(_ delivery: Delivery) {
        if delivery == .written { impatient.add(1, ordering: .sequentiallyConsistent) }
    }

    func endWait(_ delivery: Delivery) {
        if delivery == .written { impatient.subtract(1, ordering: .sequentiallyConsistent) }
    }
}
