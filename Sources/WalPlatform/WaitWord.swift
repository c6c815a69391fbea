public import CWalPlatform

// Public for inlining, as `Lock` is.

/// A counter that threads can sleep on until it moves.
///
/// The pattern: `let seen = word.load()`, check the condition, and if it doesn't hold `word.wait(while: seen)`; whoever
/// makes it true bumps the counter after. A bump between the load and the wait ends the wait at once, so none is missed.
public final class WaitWord: @unchecked Sendable {
    // Sendable: the pointer never changes and both words are only touched by atomic operations.
    // [0] is the counter, [1] the number of threads that wait or are about to.
    @usableFromInline let words: UnsafeMutablePointer<UInt32>

    /// A counter at 0 that nobody waits on.
    public init() {
        words = .allocate(capacity: 2)
        words.initialize(repeating: 0, count: 2)
    }

    deinit {
        words.deallocate()
    }

    /// The counter.
    ///
    /// What a bumper did before its bump is visible to who sees the bump.
    @inlinable @inline(__always)
    public func load() -> UInt32 {
        wal_word_load(words)
    }

    /// Moves the counter on and wakes everybody.
    ///
    /// No system call if nobody waits.
    @inlinable @inline(__always)
    public func bumpAndWakeAll() {
        _ = wal_word_add(words, 1)
        if wal_word_load_ordered(words + 1) != 0 {
            wal_futex_wake(words, .max)
        }
    }

    /// Moves the counter on and wakes one waiter: only for waiters of which any one will do.
    @inlinable @inline(__always)
    public func bumpAndWakeOne() {
        _ = wal_word_add(words, 1)
        if wal_word_load_ordered(words + 1) != 0 {
            wal_futex_wake(words, 1)
        }
    }

    /// Sleeps while the counter is `expected`, at most `timeoutNanoseconds` if that is given.
    ///
    /// May return early.
    ///
    /// - Returns: false if the time ran out and the counter still had not moved.
    @discardableResult
    public func wait(while expected: UInt32, timeoutNanoseconds: Int64? = nil) -> Bool {
        _ = wal_word_add(words + 1, 1)
        let timedOut = wal_futex_wait(words, expected, timeoutNanoseconds.map { max($0, 0) } ?? -1) != 0
        _ = wal_word_add(words + 1, .max)
        return !timedOut || load() != expected
    }
}
