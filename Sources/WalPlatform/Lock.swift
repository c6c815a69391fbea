package import CWalPlatform

/// A small lock for short critical sections. Not recursive, not fair.
///
/// On Linux a futex: one atomic exchange to take and one to release while nobody competes.
package final class Lock: @unchecked Sendable {
    // Sendable: the pointer never changes and its word is only touched by atomic operations. It is allocated so that
    // its address is fixed; `deinit` runs when nobody can hold or want the lock any more.
    @usableFromInline package let word: UnsafeMutablePointer<wal_lock_t>

    package init() {
        word = .allocate(capacity: 1)
        wal_lock_init(word)
    }

    deinit {
        word.deallocate()
    }

    @inlinable @inline(__always)
    package func lock() {
        wal_lock_lock(word)
    }

    @inlinable @inline(__always)
    package func unlock() {
        wal_lock_unlock(word)
    }

    /// Takes the lock if it is free.
    @inlinable @inline(__always)
    package func tryLock() -> Bool {
        wal_lock_trylock(word)
    }

    /// Runs `body` with the lock held.
    @inlinable @inline(__always)
    package func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        wal_lock_lock(word)
        defer { wal_lock_unlock(word) }
        return try body()
    }
}
