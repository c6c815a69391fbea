import Testing
import WalPlatform

/// A counter without any protection of its own.
private final class Counter: @unchecked Sendable {
    // Sendable: the tests only touch it under a lock; that this suffices is what they show.
    var value = 0
}

@Suite("Lock")
struct LockTests {
    @Test("lets no increment get lost between threads")
    func mutualExclusion() throws {
        let lock = Lock()
        let counter = Counter()
        let threads = try (0..<8).map { index in
            try SystemThread(name: "lock-\(index)") {
                for _ in 0..<50_000 {
                    lock.lock()
                    counter.value += 1
                    lock.unlock()
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(counter.value == 400_000)
    }

    @Test("wakes those who sleep on it, when its holder sleeps too")
    func sleepers() throws {
        let lock = Lock()
        let counter = Counter()
        let threads = try (0..<4).map { index in
            try SystemThread(name: "lock-\(index)") {
                for _ in 0..<20 {
                    lock.withLock {
                        counter.value += 1
                        SystemClock.sleep(nanoseconds: 200_000)
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(counter.value == 80)
    }

    @Test("is refused by tryLock while held and granted when free")
    func trying() {
        let lock = Lock()
        #expect(lock.tryLock())
        #expect(!lock.tryLock())
        lock.unlock()
        #expect(lock.tryLock())
        lock.unlock()
    }

    @Test("is free again after a body that throws")
    func throwingBody() {
        struct Failure: Error {}
        let lock = Lock()
        #expect(throws: Failure.self) { try lock.withLock { throw Failure() } }
        #expect(lock.tryLock())
        lock.unlock()
    }
}
