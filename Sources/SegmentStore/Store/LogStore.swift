/// INTERFACE SKETCH, being implemented by the lead; signatures are final, bodies are not.
package final class LogStore: Sendable {
    package let options: StoreOptions
    package let report: RecoveryReport

    /// Opens or makes a log directory: takes the lock, recovers, makes the new epoch durable.
    package static func open(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore { preconditionFailure() }

    init(options: StoreOptions, report: RecoveryReport) { self.options = options; self.report = report }

    // MARK: Positions; atomics, readable from any thread
    /// The oldest event kept; writtenLSN + 1 if the log is empty.
    package var firstLSN: UInt64 { preconditionFailure() }
    /// The newest event in the file; firstLSN - 1 if the log is empty.
    package var writtenLSN: UInt64 { preconditionFailure() }
    /// The newest event on stable storage.
    package var durableLSN: UInt64 { preconditionFailure() }
    /// The first cause, once the store has failed; every changing call throws then. Reading goes on.
    package var failure: WalError? { preconditionFailure() }
    /// The largest unit (record bytes of one event, or of one batch) that fits a segment.
    package var largestUnit: Int {
        Layout.largestBody(segmentSize: options.segmentSize, indexSpacing: options.indexSpacing)
    }
    /// Bytes in the files' frames that were written but not yet synced.
    package var unsyncedBytes: UInt64 { preconditionFailure() }

    // MARK: The writer's steps: one caller at a time (the holder of the committer token)
    /// Writes again and syncs what recovery read above the watermark; the writer's first task after open. No-op if there is nothing.
    package func rewriteUnvouched() throws(WalError) { preconditionFailure() }
    /// Finishes the block's frames and writes them, rolling as needed; advances `block.framesWritten` and `writtenLSN` as it goes.
    /// Throws `.diskFull` (retry the same block later; nothing was lost and the log hasn't failed), else the store has failed.
    /// The block must be closed (`closeFrame`).
    package func write(_ block: StagingBlock) throws(WalError) { preconditionFailure() }
    /// Starts a new segment unless the active one has no frames; returns whether it did. `.diskFull` as for write.
    package func rotate() throws(WalError) -> Bool { preconditionFailure() }

    // MARK: Any thread
    /// Makes all that was written before the call durable (settling rolled segments in order); returns the new durableLSN.
    /// Serialised inside with every other sync. An error means the store has failed.
    @discardableResult
    package func sync() throws(WalError) -> UInt64 { preconditionFailure() }

    // MARK: The maintenance thread's steps: one caller at a time, concurrently with the writer
    /// Does the next background step that is due (make the spare ready, settle a rolled segment, seal one, …); returns false if none is due.
    /// An error concerns that step only unless `failure` is set after it; a step that failed for want of room is due again later.
    package func performMaintenance() throws(WalError) -> Bool { preconditionFailure() }
    /// Puts the durable position into the superblock if it has moved since; for idle moments.
    package func recordWatermark() throws(WalError) { preconditionFailure() }
    /// Drops the events before `lsn` (makes firstLSN = lsn; files go by whole segments). Syncs first if it must. Returns the paths removed.
    @discardableResult
    package func truncate(before lsn: UInt64) throws(WalError) -> [String] { preconditionFailure() }

    // MARK: Any thread
    package func segments() throws(WalError) -> [SegmentInfo] { preconditionFailure() }
    /// Reads everything with read calls. `progress` gets (bytes done, bytes in all) now and then.
    package func verify(progress: ((UInt64, UInt64) -> Void)?) throws(WalError) -> VerifyReport {
        preconditionFailure()
    }
    /// A reader of the events `from ... through`, across segments. from: 0 = oldest. Throws truncated/notYetWritten for an illegal start
    /// (legal: firstLSN ... writtenLSN + 1); through is clamped to writtenLSN.
    package func cursor(from: UInt64, through: UInt64, access: ReadAccess? = nil) throws(WalError) -> LogCursor {
        preconditionFailure()
    }

    // MARK: The end; the writer's and maintenance's steps are over
    /// Syncs, records the clean close in the superblock, closes the files and frees the lock. Idempotent.
    package func closeCleanly() throws(WalError) { preconditionFailure() }
    /// Closes the files and frees the lock without syncing anything. Idempotent. For close(), failed logs and read-only ones.
    package func abandon() throws(WalError) { preconditionFailure() }
    /// For a read-only store: looks again at what the writer has done since; returns whether writtenLSN moved.
    package func refresh() throws(WalError) -> Bool { preconditionFailure() }
}

/// A reader of consecutive events. Holds the segment it is in.
package struct LogCursor: ~Copyable {
    /// The next event, or nil behind the last. The view is valid until the next call or the end of the cursor. After an error the cursor ends.
    package mutating func next() throws(WalError) -> RecordView? { preconditionFailure() }
    /// Epoch and incarnation of the frame of the event last returned.
    package var epoch: UInt32 { preconditionFailure() }
    package var incarnation: UInt64 { preconditionFailure() }
}
