import CWalPlatform

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// A thread of the operating system, outside Swift's cooperative pool, so that it may block.
///
/// It takes none of the program's signals. Dropping the object lets the thread run on.
package final class SystemThread: @unchecked Sendable {
    /// The system could not start a thread.
    package struct StartError: Error, Hashable {
        package var errno: CInt
    }

    /// What the new thread needs; handed over by a retained pointer.
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    // Sendable: `thread` is set before the object is shared; `isJoinable` is guarded by `lock`.
    private let thread: pthread_t
    private let lock = Lock()
    private var isJoinable = true
    /// In a forked child the thread does not exist: there is nothing to wait for.
    private let process = ForkMark()

    /// Starts a thread that runs `body`.
    ///
    /// The system keeps the first 15 bytes of the name.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(StartError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread = pthread_t()
        #endif
        let result = wal_thread_start(&thread, threadMain, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw StartError(errno: -result)
        }
        #if canImport(Darwin)
        guard let thread else { throw StartError(errno: EAGAIN) }
        self.thread = thread
        #else
        self.thread = thread
        #endif
    }

    /// Waits until the thread has ended.
    ///
    /// The first caller waits; on a later call, on the thread itself, where it would wait for ever, and in a forked child it
    /// returns at once.
    package func join() {
        if process.isForked { return }
        let isMine = lock.withLock {
            guard isJoinable, !isCurrent else { return false }
            isJoinable = false
            return true
        }
        if isMine {
            pthread_join(thread, nil)
        }
    }

    /// Whether the caller runs on this thread.
    package var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

    deinit {
        if isJoinable, !process.isForked {
            pthread_detach(thread)
        }
    }

    fileprivate static func run(_ context: UnsafeMutableRawPointer) {
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        wal_thread_set_name(start.name)
        start.body()
    }
}

#if canImport(Darwin)
private func threadMain(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    SystemThread.run(context)
    return nil
}
#else
private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context {
        SystemThread.run(context)
    }
    return nil
}
#endif
