import Testing
import WalPlatform

@Suite("A lock that is given to those who wait in their order")
struct FairLockConcurrencyTests {
    @Test("Who frees it and asks again at once comes behind all that waited", .timeLimit(.minutes(10)))
    func order() throws {
        for _ in 0..<50 {
            let lock = FairLock()
            let order = Guarded<[Int]>([])
            lock.lock()
            var threads: [SystemThread] = []
            for number in 0..<4 {
                threads.append(
                    try SystemThread(name: "waiter") {
                        lock.withLock { order.withLock { $0.append(number) } }
                    })
                while lock.waiterCount <= number { SystemClock.sleep(nanoseconds: 10_000) }
            }
            #expect(!lock.isFree && !lock.tryLock())
            lock.unlock()
            lock.withLock { order.withLock { $0.append(4) } }
            for thread in threads { thread.join() }
            #expect(order.withLock { $0 } == [0, 1, 2, 3, 4])
            #expect(lock.isFree && lock.waiterCount == 0)
        }
    }

    @Test("It is not to be had by trying while somebody waits", .timeLimit(.minutes(10)))
    func tries() throws {
        let lock = FairLock()
        #expect(lock.tryLock())
        let hasIt = Guarded(false)
        let ends = Guarded(false)
        let waiter = try SystemThread(name: "waiter") {
            lock.lock()
            hasIt.withLock { $0 = true }
            while !ends.withLock({ $0 }) { SystemClock.sleep(nanoseconds: 10_000) }
            lock.unlock()
        }
        while lock.waiterCount == 0 { SystemClock.sleep(nanoseconds: 10_000) }
        lock.unlock()
        // It may not have woken yet.
        #expect(!lock.tryLock())
        while !hasIt.withLock({ $0 }) { SystemClock.sleep(nanoseconds: 10_000) }
        #expect(!lock.tryLock())
        ends.withLock { $0 = true }
        waiter.join()
        #expect(lock.tryLock())
        lock.unlock()
    }

    @Test("One at a time holds it", .timeLimit(.minutes(10)))
    func excludes() throws {
        let counter = FairlyGuarded(0)
        let threads = try (0..<4).map { _ in
            try SystemThread(name: "counter") {
                for _ in 0..<2000 { counter.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(counter.withLock { $0 } == 8000)
    }
}
