/// When the log makes what it has written durable without being asked.
///
/// `sync()`, `waitDurable(_:)` and `appendDurably` make events durable at once under every policy.
public enum SyncPolicy: Sendable, Hashable {
    /// Never, but for rolled segments, in the background, and at the end of `shutdown()`. Written events survive a kill
    /// of the process, not a power cut.
    case never
    /// After every group of events that the writer takes from the queue: the delay is that of one write and one sync.
    case batch
    /// A sync begins no later than this after an event was written, also when no further event follows.
    case interval(Duration)
    /// As soon as this many bytes of frames are written and not durable. A tail shorter than that stays unsynced until
    /// `sync()` or `shutdown()`.
    case bytes(Int)
}
