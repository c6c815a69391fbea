/// Hears what a log does.
///
/// Set it in ``WriteAheadLog/Options/observer``.
///
/// Events arrive in order (drops alone are counted up and told together) on one thread of the log's own, a little after
/// the fact; a slow observer delays nothing, but
/// loses events past ``WriteAheadLog/Options/observerQueue`` (they are counted). It may call the log.
public protocol WalObserver: Sendable {
    /// Called for each event.
    ///
    /// - Parameters:
    ///   - log: the path of the log's directory.
    ///   - event: what happened.
    func log(_ log: String, did event: WalEvent)
}

/// What an observer hears.
///
/// Cases may be added in any version: switch with a `default`.
public enum WalEvent: Sendable, Hashable {
    /// The log went into another state.
    case lifecycle(WriteAheadLog.State)
    /// A group was written: its events, its bytes with frames, and the newest LSN in the file.
    case written(events: Int, bytes: Int, lastLSN: LSN)
    /// A sync by policy or on request ended: the newest LSN on stable storage, and how long it took.
    case synced(durableLSN: LSN, duration: Duration)
    /// A new segment was started; its first LSN and the path of its file.
    case rolled(firstLSN: LSN, path: String)
    /// A rolled segment is on stable storage.
    case segmentSettled(firstLSN: LSN, path: String)
    /// A segment has got its index and footer and will not change again.
    case segmentSealed(firstLSN: LSN, path: String)
    /// A sealed segment was replaced by its compressed form: the path of the new file, the size before and after.
    case segmentCompressed(firstLSN: LSN, path: String, rawBytes: UInt64, fileBytes: UInt64)
    /// The events behind an LSN were cut off, and the log goes on behind it under a new epoch.
    case truncatedAfter(lsn: LSN, epoch: UInt32)
    /// A segment was removed.
    case segmentDeleted(firstLSN: LSN, path: String)
    /// A pass of retention removed segments, was held back by checkpoints, or left out the limit of age.
    case retained(RetentionReport)
    /// Appends were dropped because the queue was full: how many since the last such event.
    case dropped(count: Int)
    /// Damage was found.
    case corruption(WalError)
    /// A step failed: a write, a sync, or background work.
    case error(WalError)
}
