internal import SegmentStore
internal import WalPlatform

/// Runs a call that may block on a thread of its own and suspends the task meanwhile.
func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws(WalError) -> Result
) async throws(WalError) -> Result {
    let result: Swift.Result<Result, WalError> = await withCheckedContinuation { continuation in
        do throws(SystemThread.StartError) {
            _ = try SystemThread(name: "wal-call") {
                continuation.resume(returning: Swift.Result { () throws(WalError) in try body() })
            }
        } catch {
            continuation.resume(
                returning: .failure(
                    WalError(.noThread, "the system refused a thread", errno: Errno(rawValue: error.errno))))
        }
    }
    return try result.get()
}
