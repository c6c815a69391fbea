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

    /// Whether SIGINT, SIGTERM or SIGHUP came since `catchInterrupts`.
    package static var wasInterrupted: Bool { interrupted.load(ordering: .relaxed) }

    /// From now on SIGINT, SIGTERM and SIGHUP only set `wasInterrupted` and end a blocking read with EINTR. The second SIGINT or
    /// SIGTERM ends the process as usual, so that nobody is locked in; a terminal that goes away sends several SIGHUPs. An ignored
    /// SIGHUP, as under nohup, stays ignored.
    package static func catchInterrupts() {
        // Made before a handler can run: a lazy initialiser is not safe inside one.
        interrupted.store(false, ordering: .relaxed)
        // No SA_RESTART: a read that waits for a terminal or pipe must end.
        catchSignal(SIGINT, flags: SA_RESETHAND)
        catchSignal(SIGTERM, flags: SA_RESETHAND)
        if !isIgnored(SIGHUP) { catchSignal(SIGHUP, flags: 0) }
        // Who starts us from a worker thread may hand down a mask that keeps all away for ever.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    private static func catchSignal(_ number: CInt, flags: some BinaryInteger) {
        var action = sigaction()
        action.sa_flags = CInt(truncatingIfNeeded: flags)
        let handler: @convention(c) (CInt) -> Void = { _ in ProcessSignals.interrupted.store(true, ordering: .relaxed) }
        #if canImport(Darwin)
        action.__sigaction_u.__sa_handler = handler
        #else
        action.__sigaction_handler.sa_handler = handler
        #endif
        sigaction(number, &action, nil)
    }

    private static func isIgnored(_ number: CInt) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        #if canImport(Darwin)
        let handler = action.__sigaction_u.__sa_handler
        #else
        let handler = action.__sigaction_handler.sa_handler
        #endif
        // Both are pointers, or a small number in a pointer's place, and are only compared.
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// From now on writing to a pipe that nobody reads, or past a limit on the size of a file, fails with EPIPE or EFBIG,
    /// instead of ending the process.
    package static func ignoreWriteSignals() {
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
    }
}
