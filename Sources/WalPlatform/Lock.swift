public import CWalPlatform

// Public, though no product contains this module: the compiler inlines across modules what is `@inlinable public`,
// and nothing that is `package`, whatever it is marked with.

/// A small lock for short critical sections.
///
/// Not recursive, not fair.
///
/// On Linux a futex: one atomic exchange to take and one to release while nobody competes.
public final class Lock: @unchecked Sendable {
    // Sendable: the pointer never changes and its word is only touched by atomic operations. It is allocated so that
    // its address is fixed; `deinit` runs when nobody can hold or want the lock any more.
    /// The word itself, for callers on a hot path that hold a pointer rather than this object.
    public let word: UnsafeMutablePointer<wal_lock_t>

    /// A free lock.
    public init() {
        word = .allocate(capacity: 1)
        wal_lock_init(word)
    }

    deinit {
        word.deallocate()
    }

    /// Waits until the lock is free and takes it.
    @inlinable @inline(__always)
    public func lock() {
        wal_lock_lock(word)
    }

    /// Frees the lock; only its holder may.
    @inlinable @inline(__always)
    public func unlock() {
        wal_lock_unlock(word)
    }

    /// Takes the lock if it is free.
    @inlinable @inline(__always)
    public func tryLock() -> Bool {
        wal_lock_trylock(word)
    }

    /// Runs `body` with the lock held.
    @inlinable @inline(__always)
    public func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        wal_lock_lock(word)
        defer { wal_lock_unlock(word) }
        return try body()
    }
}
