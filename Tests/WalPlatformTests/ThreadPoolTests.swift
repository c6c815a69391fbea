import Synchronization
import Testing
import WalPlatform

@Suite("A pool of threads for calls that block")
struct ThreadPoolTests {
    @Test("Every job runs, and none waits for another to end", .timeLimit(.minutes(10)))
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

    @Test("An idle thread is used again, and ends when there is no work for long enough", .timeLimit(.minutes(10)))
    func reuse() throws {
        let patient = ThreadPool(name: "test-pool", patienceNanoseconds: 600_000_000_000)
        let done = WaitWord()
        for round in 0..<200 {
            try patient.run { done.bumpAndWakeAll() }
            waitFor(done, count: UInt32(round) + 1)
            // Its thread is idle an instant after the job; one by one they need no other.
            while patient.idleCount == 0 { SystemClock.sleep(nanoseconds: 10_000) }
            #expect(patient.idleCount == 1)
        }
        let hasty = ThreadPool(name: "test-pool", patienceNanoseconds: 1_000_000)
        for round in 200..<203 {
            try hasty.run { done.bumpAndWakeAll() }
            waitFor(done, count: UInt32(round) + 1)
            // By then it is idle, or has ended.
            SystemClock.sleep(nanoseconds: 10_000_000)
            while hasty.idleCount > 0 { SystemClock.sleep(nanoseconds: 1_000_000) }
        }
    }

    @Test("A job that has ended holds nothing, though its thread lives on", .timeLimit(.minutes(10)))
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
