/// A snapshot of a log's counters, taken without its locks: each number is right by itself, and they may be some
/// events apart from each other.
///
/// Counters start at zero when the log is opened.
public struct Statistics: Sendable, Hashable {
    /// Events accepted: they have, or had before they were cut off, an LSN.
    public var appendedEvents: UInt64 = 0
    /// Bytes accepted, in the form in which they are stored, without frames.
    public var appendedBytes: UInt64 = 0
    /// Events lost under back-pressure `.drop`.
    public var droppedEvents: UInt64 = 0
    /// Appends refused for any reason but that: queue full, too large, disk full, failed, an unexpected LSN and so on.
    public var refusedAppends: UInt64 = 0
    /// Times an append found the queue full and waited.
    public var stalls: UInt64 = 0
    /// Groups written: one or more frames in one system call each, but for a group that a roll splits.
    public var writtenGroups: UInt64 = 0
    /// Bytes of frames written, headers included.
    public var writtenBytes: UInt64 = 0
    /// Syncs that succeeded, by policy or on request; those of rolled segments in the background don't count.
    public var syncs: UInt64 = 0
    /// Segments started since the log was opened.
    public var rolls: UInt64 = 0
    /// Bytes accepted and not yet written.
    public var queuedBytes: UInt64 = 0
    /// Events accepted and not yet written.
    public var queuedEvents: UInt64 = 0
    /// Observer events lost because the observer was slow.
    public var lostObserverEvents: UInt64 = 0
    /// Followers there are now, blocking ones and iterations over ``EventSequence``.
    public var followers: UInt64 = 0
    /// The oldest event kept.
    public var firstLSN: LSN = 0
    /// The newest event written.
    public var lastLSN: LSN = 0
    /// The newest event on stable storage.
    public var durableLSN: LSN = 0
    /// The newest event accepted.
    public var lastAssignedLSN: LSN = 0
}
