internal import SegmentStore
internal import WalPlatform

/// The threads of every call that blocks on behalf of a task, of all logs.
let callThreads = ThreadPool(name: "wal-call")

/// Runs a call that may block on a thread that isn't one of the cooperative pool's, and suspends the task meanwhile.
func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws(WalError) -> Result
) async throws(WalError) -> Result {
    // A continuation that is resumed before it is waited for orders what the two threads do, too, but the thread sanitizer
    // can't see it; a lock it sees.
    let outcome = Guarded<Swift.Result<Result, WalError>?>(nil)
    await withCheckedContinuation { continuation in
        do throws(SystemThread.StartError) {
            try callThreads.run {
                let result = Swift.Result { () throws(WalError) in try body() }
                outcome.withLock { $0 = result }
                continuation.resume()
            }
        } catch {
            let refusal = WalError(noThread: error)
            outcome.withLock { $0 = .failure(refusal) }
            continuation.resume()
        }
    }
    guard let result = outcome.withLock({ $0 }) else {
        preconditionFailure("a call on another thread ended without a result")
    }
    return try result.get()
}

extension WalError {
    /// The system refused a thread.
    init(noThread error: SystemThread.StartError, path: String? = nil) {
        self.init(
            .noThread, "the system refused a thread; lower the number of threads or raise the limit", path: path,
            errno: Errno(rawValue: error.errno))
    }
}
