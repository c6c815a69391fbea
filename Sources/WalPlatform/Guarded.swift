// Public for inlining, as `Lock` is.

/// A value that is touched only with its lock held.
///
/// In place of `Synchronization.Mutex`, whose code on Linux lies in a library that the thread sanitizer doesn't see
/// into: with it every access would be reported as a race, and a real one would drown. Not recursive.
public final class Guarded<Value>: @unchecked Sendable {
    // Sendable: `value` is read and written in `withLock` alone, with the lock held.
    @usableFromInline let lock = Lock()
    @usableFromInline var value: Value

    /// A value that nobody else holds.
    @inlinable
    public init(_ value: consuming sending Value) {
        self.value = value
    }

    /// Runs `body` with the lock held.
    @inlinable
    public func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }

    /// The same if nobody holds the lock now; nil otherwise.
    ///
    /// For a forked child, in which nobody might ever free it.
    package func withLockIfFree<Result>(_ body: (inout Value) -> Result) -> Result? {
        guard lock.tryLock() else { return nil }
        defer { lock.unlock() }
        return body(&value)
    }
}
