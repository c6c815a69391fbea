import Synchronization
import WalPlatform

/// A file descriptor that several threads use and one closes.
///
/// The system gives a closed descriptor's number to the next file that anybody opens, so a read that comes too late
/// would hit a stranger's file. Hence calls are counted while they run: after `close` no new one begins, and the last
/// one that still runs does the closing.
final class PosixDescriptor: Sendable {
    private static let closed: UInt32 = 1 << 31

    let path: String
    let calls: PosixCalls
    private let number: CInt
    /// The calls that run, and `closed`.
    ///
    /// It becomes exactly `closed` once only: whoever makes it so closes the number.
    private let state = Atomic<UInt32>(0)
    /// In a forked child no call that was under way comes to its end: who closes there waits for none.
    private let process = ForkMark()

    init(_ number: CInt, path: String, calls: PosixCalls) {
        self.number = number
        self.path = path
        self.calls = calls
    }

    deinit {
        if state.load(ordering: .acquiring) & Self.closed == 0 {
            // Dropped without `close`: there is nobody to tell. What must be durable was synced before.
            _ = calls.close(number)
        }
    }

    /// Runs `body` with the number; throws `.badDescriptor` once closed.
    func use<Result>(
        _ operation: StorageError.Operation, _ body: (CInt) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try begin(operation)
        let result: Result
        do throws(StorageError) {
            result = try body(number)
        } catch {
            // The call's own error says more than one of the late close.
            try? end()
            throw error
        }
        try end()
        return result
    }

    /// Closes the number, or leaves that to the last call that runs.
    ///
    /// Only the first call does anything.
    func close() throws(StorageError) {
        let old = state.bitwiseOr(Self.closed, ordering: .acquiringAndReleasing).oldValue
        if old == 0 || (old & Self.closed == 0 && process.isForked) {
            try closeNumber()
        }
    }

    private func begin(_ operation: StorageError.Operation) throws(StorageError) {
        var current = state.load(ordering: .relaxed)
        while true {
            guard current & Self.closed == 0 else {
                throw StorageError(operation, path, errno: ErrorNumber.badDescriptor)
            }
            let (exchanged, original) = state.weakCompareExchange(
                expected: current, desired: current + 1, ordering: .acquiring)
            if exchanged { return }
            current = original
        }
    }

    private func end() throws(StorageError) {
        if state.subtract(1, ordering: .acquiringAndReleasing).newValue == Self.closed {
            try closeNumber()
        }
    }

    private func closeNumber() throws(StorageError) {
        let result = calls.close(number)
        // An interrupted close has freed the number all the same; trying again could close a stranger's file.
        if result < 0, -result != ErrorNumber.interrupted {
            throw StorageError(.close, path, errno: -result)
        }
    }
}

/// Repeats a system call that a signal interrupts.
///
/// The one place where that is done.
@inline(__always)
func retryInterrupted<Count: FixedWidthInteger>(
    _ operation: StorageError.Operation, _ path: String, _ call: () -> Count
) throws(StorageError) -> Count {
    while true {
        let result = call()
        if result >= 0 { return result }
        let errno = CInt(truncatingIfNeeded: 0 - result)
        if errno != ErrorNumber.interrupted {
            throw StorageError(operation, path, errno: errno)
        }
    }
}
