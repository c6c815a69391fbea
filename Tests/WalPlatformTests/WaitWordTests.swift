import Synchronization
import Testing
import WalPlatform

@Suite("WaitWord")
struct WaitWordTests {
    @Test("does not sleep on a value that has passed")
    func stale() {
        let word = WaitWord()
        let seen = word.load()
        word.bumpAndWakeAll()
        #expect(word.load() != seen)
        #expect(word.wait(while: seen))
    }

    @Test("says when the time ran out")
    func timeout() {
        let word = WaitWord()
        #expect(!word.wait(while: word.load(), timeoutNanoseconds: 1_000_000))
        #expect(!word.wait(while: word.load(), timeoutNanoseconds: 0))
        #expect(!word.wait(while: word.load(), timeoutNanoseconds: -5))
    }

    @Test("loses no wake-up between two threads that pass a turn to and fro")
    func pingPong() throws {
        let word = WaitWord()
        let turn = SharedTurn()
        let rounds = 20_000
        // Each player waits until the turn is of its parity and passes it on; a lost wake-up would hang here.
        let players = try (0..<2).map { parity in
            try SystemThread(name: "player-\(parity)") {
                for round in 0..<rounds {
                    while true {
                        let seen = word.load()
                        if turn.value == 2 * round + parity { break }
                        word.wait(while: seen)
                    }
                    turn.increment()
                    word.bumpAndWakeOne()
                }
            }
        }
        for player in players { player.join() }
        #expect(turn.value == 2 * rounds)
    }

    @Test("wakes every waiter")
    func broadcast() throws {
        let word = WaitWord()
        let isOpen = SharedTurn()
        let threads = try (0..<8).map { index in
            try SystemThread(name: "wait-\(index)") {
                while true {
                    let seen = word.load()
                    if isOpen.value == 1 { return }
                    word.wait(while: seen)
                }
            }
        }
        SystemClock.sleep(nanoseconds: 5_000_000)
        isOpen.value = 1
        word.bumpAndWakeAll()
        for thread in threads { thread.join() }
        #expect(isOpen.value == 1)
    }

    private final class SharedTurn: Sendable {
        private let atomic = Atomic<Int>(0)

        var value: Int {
            get { atomic.load(ordering: .acquiring) }
            set { atomic.store(newValue, ordering: .releasing) }
        }

        /// Adds one and returns the new value.
        @discardableResult
        func increment() -> Int { atomic.add(1, ordering: .acquiringAndReleasing).newValue }
    }
}
