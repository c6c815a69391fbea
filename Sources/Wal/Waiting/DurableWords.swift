internal import WalPlatform

/// Where threads sleep until a sync covers their event: one word per generation of syncs, so that a sync wakes those it
/// covers and, of the others, one alone, which leads the next.
struct DurableWords: Sendable {
    // Generations far apart share a word; a waiter woken for another's sake looks and sleeps again.
    private let words = (WaitWord(), WaitWord(), WaitWord(), WaitWord())

    subscript(generation: UInt64) -> WaitWord {
        switch generation & 3 {
        case 0: words.0
        case 1: words.1
        case 2: words.2
        default: words.3
        }
    }

    func wakeAll() {
        words.0.bumpAndWakeAll()
        words.1.bumpAndWakeAll()
        words.2.bumpAndWakeAll()
        words.3.bumpAndWakeAll()
    }
}
