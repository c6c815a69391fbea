import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// What a command-line program does about signals. Process-wide: not for libraries.
package enum ProcessSignals {
    private static let interrupted = Atomic<Bool>(false)

    /// Whether SIGINT or SIGTERM came since `catchInterrupts`.
    package static var wasInterrupted: Bool { interrupted.load(ordering: .relaxed) }

    /// From now on the first SIGINT or SIGTERM only sets `wasInterrupted` and ends a blocking read with EINTR; the next
    /// one ends the process as usual, so that nobody is locked in.
    package static func catchInterrupts() {
        // Made before a handler can run: a lazy initialiser is not safe inside one.
        interrupted.store(false, ordering: .relaxed)
        var action = sigaction()
        // No SA_RESTART: a read that waits for a terminal or pipe must end.
        action.sa_flags = CInt(truncatingIfNeeded: SA_RESETHAND)
        let handler: @convention(c) (CInt) -> Void = { _ in ProcessSignals.interrupted.store(true, ordering: .relaxed) }
        #if canImport(Darwin)
        action.__sigaction_u.__sa_handler = handler
        #else
        action.__sigaction_handler.sa_handler = handler
        #endif
        sigaction(SIGINT, &action, nil)
        sigaction(SIGTERM, &action, nil)
        // Who starts us from a worker thread may hand down a mask that keeps both away for ever.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Writing to a pipe that nobody reads fails with EPIPE from now on, instead of ending the process.
    package static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }
}
