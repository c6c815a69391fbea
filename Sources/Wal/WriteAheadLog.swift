internal import Synchronization

/// A segmented write-ahead log in one directory: events are appended, kept in order under dense numbers (`LSN`), made
/// durable, and replayed.
///
/// ```swift
/// let log = try WriteAheadLog.open(at: "orders.wal")
/// let lsn = try log.append(payload)
/// try log.sync()
/// try log.replay { event in
///     rebuild(from: event.payload)
///     return .continue
/// }
/// try log.shutdown()
/// ```
///
/// Every method may be called from any thread. Calls that wait for room, for a write or for a sync have `async` twins
/// of the same name, which suspend instead; replay, iterators, ``segments()`` and ``refresh()`` read files on the
/// calling thread. When the last reference goes, the log closes as by ``close()`` but without anybody waiting for it:
/// shut it down to be sure that what was accepted is kept.
public final class WriteAheadLog: Sendable {
    let core: LogCore
    /// The core's, here to save the append path a step.
    let queue: AppendQueue
    /// The largest payload that the append path takes without further checks.
    let plainLimit: Int

    private init(core: LogCore) {
        self.core = core
        queue = core.queue
        // A length above 2^24 - 2 takes four bytes more in the record.
        plainLimit = core.queue.largestUnit - 8
    }

    deinit {
        core.requestClose()
    }

    // MARK: Opening

    /// Opens or makes a log: takes its lock, recovers it, and starts its threads.
    ///
    /// Blocks for disk reads: lists the directory and reads a few blocks after a clean close, else the newest part of
    /// the log, from the last recorded durable position to the end of the file. A torn tail is cut. What recovery found
    /// is in ``recovery``.
    ///
    /// - Parameters:
    ///   - path: the log's directory. Made if missing, its parent must exist.
    ///   - options: how to open it.
    /// - Throws: `invalidOption`, `locked`, `notFound`, `notALog`, `unsupportedFormat`, `foreignFile`, `corrupted`,
    ///   `missingSegment`, `wrongFileType`, `permissionDenied`, `readOnly`, `diskFull`, `tooManyOpenFiles`, `io`,
    ///   `noThread`. When it throws `corrupted`, `missingSegment`, `foreignFile`, `unsupportedFormat` or `notALog`, no
    ///   file of the log has been changed.
    public static func open(at path: FilePath, options: Options = Options()) throws(WalError) -> WriteAheadLog {
        WriteAheadLog(core: try LogCore.open(DirectoryPath(path), options: options))
    }

    /// Opens or makes a log; see ``open(at:options:)-(FilePath,_)``.
    ///
    /// - Parameters:
    ///   - path: the log's directory.
    ///   - options: how to open it.
    /// - Throws: as the form with a `FilePath`.
    public static func open(at path: String, options: Options = Options()) throws(WalError) -> WriteAheadLog {
        WriteAheadLog(core: try LogCore.open(DirectoryPath(path), options: options))
    }

    /// Opens or makes a log, on a thread of its own; see ``open(at:options:)-(FilePath,_)``.
    ///
    /// Cancelling the task doesn't end it.
    ///
    /// - Parameters:
    ///   - path: the log's directory.
    ///   - options: how to open it.
    /// - Throws: as the synchronous form.
    public static func open(at path: FilePath, options: Options = Options()) async throws(WalError) -> WriteAheadLog {
        try await onThread { () throws(WalError) in
            WriteAheadLog(core: try LogCore.open(DirectoryPath(path), options: options))
        }
    }

    /// Opens or makes a log, on a thread of its own; see ``open(at:options:)-(FilePath,_)``.
    ///
    /// - Parameters:
    ///   - path: the log's directory.
    ///   - options: how to open it.
    /// - Throws: as the synchronous form.
    public static func open(at path: String, options: Options = Options()) async throws(WalError) -> WriteAheadLog {
        try await onThread { () throws(WalError) in
            WriteAheadLog(core: try LogCore.open(DirectoryPath(path), options: options))
        }
    }

    // MARK: Positions

    /// The oldest event kept; one above ``lastLSN`` if the log is empty.
    public var firstLSN: LSN { LSN(core.store.firstLSN) }

    /// The newest event written to the file; may lag behind ``lastAssignedLSN``.
    ///
    /// Of a log opened for reading: the newest found by opening or by the last ``refresh()``.
    public var lastLSN: LSN { LSN(core.store.writtenLSN) }

    /// The newest event on stable storage; one below ``firstLSN`` if there is none. While the log is open it
    /// goes back only where ``truncate(after:overridingCheckpoints:)`` cuts.
    ///
    /// Of a log opened for reading: the newest that something on disk says was durable when it was opened or last looked at,
    /// which lags behind while a writer is at work.
    public var durableLSN: LSN { LSN(core.store.durableLSN) }

    /// The newest event accepted; of a log opened for reading, the newest seen.
    public var lastAssignedLSN: LSN { core.options.readOnly ? lastLSN : LSN(queue.lastAssigned) }

    /// What the log is going through.
    public var state: State { core.state }

    /// What opening found and did.
    public var recovery: RecoveryReport { core.store.report }

    /// The path the log was opened at.
    public var path: String { core.path }

    /// A snapshot of the counters.
    ///
    /// Takes no lock and works in every state.
    public func stats() -> Statistics {
        var stats = Statistics()
        let counters = core.counters
        stats.lastLSN = lastLSN
        stats.firstLSN = firstLSN
        stats.durableLSN = durableLSN
        stats.lastAssignedLSN = lastAssignedLSN
        stats.appendedEvents =
            core.options.readOnly ? 0 : queue.acceptedEvents(since: recovery.lastLSN.rawValue)
        stats.appendedBytes = queue.appendedBytes
        stats.droppedEvents = counters.dropped.load(ordering: .relaxed)
        stats.refusedAppends = counters.refused.load(ordering: .relaxed)
        stats.stalls = counters.stalls.load(ordering: .relaxed)
        stats.writtenGroups = counters.groups.load(ordering: .relaxed)
        stats.writtenBytes = counters.bytes.load(ordering: .relaxed)
        stats.syncs = counters.syncs.load(ordering: .relaxed)
        stats.rolls = counters.rolls.load(ordering: .relaxed)
        stats.queuedBytes = queue.queuedBytes
        stats.queuedEvents =
            stats.lastAssignedLSN > stats.lastLSN ? stats.lastAssignedLSN.rawValue - stats.lastLSN.rawValue : 0
        stats.followers = UInt64(max(core.signals.followers.count.load(ordering: .relaxed), 0))
        stats.lostObserverEvents = core.hub?.lost ?? 0
        return stats
    }
}
