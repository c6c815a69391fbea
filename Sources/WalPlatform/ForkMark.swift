public import CWalPlatform

// Public for inlining, as `Lock` is.

/// Which process something was made in: tells the process that made it from a child that was forked since.
///
/// A forked child has none of the other threads, locks that they held stay held in it, and locks on files are shared with the
/// parent: what was made before a fork must not be used after it. Telling costs one load of a word that never changes but in a
/// child, and no system call. `vfork` and `posix_spawn` don't count: their children run no code of this process.
public struct ForkMark: Sendable, Hashable {
    @usableFromInline let seen: UInt32

    /// Of this process, as it is.
    @inlinable
    public init() {
        seen = wal_fork_count()
    }

    /// Whether this is a child, forked since the mark was made.
    @inlinable @inline(__always)
    public var isForked: Bool { wal_fork_count() != seen }

    /// The word that `isForked` looks at, for code that is compiled into other modules, and its value for this process.
    ///
    /// Plain loads read it: it is written in a child alone, before that has a second thread.
    package var word: (address: UnsafePointer<UInt32>, seen: UInt32) { (wal_fork_word(), seen) }

    /// Counts forks from now on; before the first mark is made. Any number of calls.
    ///
    /// - Returns: 0, or a negative `errno`.
    package static func watch() -> CInt { wal_watch_forks() }
}
