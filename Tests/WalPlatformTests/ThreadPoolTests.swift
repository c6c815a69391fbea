import Synchronization
import Testing
import WalPlatform

@Suite("A pool of threads for calls that block")
struct ThreadPoolTests {
    @Test("Every job runs, and none waits for another to end", .timeLimit(.minutes(1)))
    func unbounded() throws {
        let pool = ThreadPool(name: "test-pool")
        let running = WaitWord()
        let gate = WaitWord()
        // All of them block until all have begun.
        for _ in 0..<20 {
            try pool.run {
                running.bumpAndWakeAll()
                while gate.load() == 0 { gate.wait(while: 0) }
                running.bumpAndWakeAll()
            }
        }
        waitFor(running, count: 20)
        gate.bumpAndWakeAll()
        waitFor(running, count: 40)
    }

    @Test("An idle thread is used again, and ends when there is no work for long enough", .timeLimit(.minutes(1)))
    func reuse() throws {
        let pool = ThreadPool(name: "test-pool", patienceNanoseconds: 200_000_000)
        let done = WaitWord()
        for round in 0..<200 {
            try pool.run { done.bumpAndWakeAll() }
            waitFor(done, count: UInt32(round) + 1)
            // One by one they need hardly more threads than one.
            #expect(pool.idleCount <= 20)
        }
        while pool.idleCount > 0 { SystemClock.sleep(nanoseconds: 1_000_000) }
        try pool.run { done.bumpAndWakeAll() }
        waitFor(done, count: 201)
    }

    @Test("A job that has ended holds nothing, though its thread lives on", .timeLimit(.minutes(1)))
    func frees() throws {
        final class Witness: Sendable {
            let word: WaitWord
            init(_ word: WaitWord) { self.word = word }
            deinit { word.bumpAndWakeAll() }
        }
        let pool = ThreadPool(name: "test-pool", patienceNanoseconds: 60_000_000_000)
        let gone = WaitWord()
        for round in 0..<3 {
            let witness = Witness(gone)
            try pool.run { _ = witness.word }
            _ = consume witness
            waitFor(gone, count: UInt32(round) + 1)
        }
    }

    private func waitFor(_ word: WaitWord, count: UInt32) {
        while true {
            let seen = word.load()
            if seen >= count { return }
            word.wait(while: seen)
        }
    }
}
