internal import SegmentStore
internal import WalPlatform

/// The threads of every call that blocks on behalf of a task, of all logs.
let callThreads = ThreadPool(name: "wal-call")

/// Runs a call that may block on a thread that isn't one of the cooperative pool's, and suspends the task meanwhile.
func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws(WalError) -> Result
) async throws(WalError) -> Result {
    let result: Swift.Result<Result, WalError> = await withCheckedContinuation { continuation in
        do throws(SystemThread.StartError) {
            try callThreads.run {
                continuation.resume(returning: Swift.Result { () throws(WalError) in try body() })
            }
        } catch {
            continuation.resume(returning: .failure(WalError(noThread: error)))
        }
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
