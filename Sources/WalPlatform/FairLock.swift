internal import Synchronization

/// A lock for long steps: whoever waits gets it in the order of asking, so that a thread that frees it and takes it again at once
/// lets all go first that came meanwhile.
///
/// Not recursive. One atomic step to take it and two to free it while nobody competes. `Lock` is for the short sections.
package final class FairLock: Sendable {
    /// The next number to be drawn.
    private let tickets = Atomic<UInt32>(0)
    /// The number whose turn it is.
    private let serving = WaitWord()

    package init() {}

    /// Waits for its turn and takes the lock.
    package func lock() {
        let mine = tickets.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
        while true {
            let now = serving.load()
            if now == mine { return }
            serving.wait(while: now)
        }
    }

    /// Takes the lock if nobody holds it and nobody waits for it.
    package func tryLock() -> Bool {
        let now = serving.load()
        return tickets.compareExchange(expected: now, desired: now &+ 1, ordering: .sequentiallyConsistent).exchanged
    }

    /// Frees the lock and hands it to whoever has waited longest; only its holder may.
    package func unlock() {
        serving.bumpAndWakeAll()
    }

    /// Whether nobody holds it and nobody waits for it.
    package var isFree: Bool { tickets.load(ordering: .acquiring) == serving.load() }

    /// How many wait for it; of use to its holder.
    package var waiterCount: Int {
        let drawn = tickets.load(ordering: .sequentiallyConsistent)
        return max(Int(drawn &- serving.load()) - 1, 0)
    }

    /// Runs `body` with the lock held.
    package func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body()
    }
}

/// A value that is touched only with its lock held, which is held during system calls, and given to those who wait in their order.
package final class FairlyGuarded<Value>: @unchecked Sendable {
    // Sendable: `value` is read and written in `withLock` alone, with the lock held.
    private let lock = FairLock()
    private var value: Value

    /// A value that nobody else holds.
    package init(_ value: consuming sending Value) {
        self.value = value
    }

    /// Runs `body` with the lock held.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }

    /// The same if nobody holds the lock now, nor waits for it; nil otherwise.
    ///
    /// For a forked child, in which nobody might ever free it.
    package func withLockIfFree<Result>(_ body: (inout Value) -> Result) -> Result? {
        guard lock.tryLock() else { return nil }
        defer { lock.unlock() }
        return body(&value)
    }
}
