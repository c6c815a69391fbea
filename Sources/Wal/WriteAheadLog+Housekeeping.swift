internal import SegmentStore
internal import WalPlatform

extension WriteAheadLog {
    /// Starts a new segment behind all that was accepted before the call, unless the newest one has no events or the last LSN is
    /// used up.
    ///
    /// Blocks for writes. Syncs nothing unless the next file is not ready yet, or eight started segments wait to be
    /// synced.
    ///
    /// - Returns: whether a segment was started.
    /// - Throws: `diskFull`, `unavailable`, `failed`, `draining`, `closed`, `readOnly`.
    @discardableResult
    public func rotate() throws(WalError) -> Bool {
        try checkChangeable()
        if queue.phase == .draining {
            throw WalError(.draining, "the log is shutting down and starts no more segments", path: path)
        }
        core.committer.token.acquire()
        defer { core.committer.release() }
        try core.checkAlive()
        return try core.committer.rotate()
    }

    /// Starts a new segment, suspending meanwhile; see the synchronous form.
    ///
    /// - Returns: whether a segment was started.
    /// - Throws: as the synchronous form, and `noThread`.
    @discardableResult
    public func rotate() async throws(WalError) -> Bool {
        try await onThread { () throws(WalError) in try self.rotate() }
    }

    /// Drops the events before an LSN: ``firstLSN`` becomes that LSN, whole segments below it are removed.
    ///
    /// Blocks for syncs and for the removal. Readers inside a removed segment may finish it. Does nothing if `lsn` is
    /// below ``firstLSN``. Appends go on meanwhile.
    ///
    /// - Parameter lsn: the oldest event to keep; up to one above the newest accepted, which empties the log.
    /// - Returns: the paths of the files removed.
    /// - Throws: `notYetWritten` if `lsn` is higher than that; `corrupted` or `missingSegment` if the event before
    ///   `lsn` can't be read; `failed`, `closed`, `discarded`, `readOnly`, `diskFull`, `unavailable`, `io`.
    @discardableResult
    public func truncate(before lsn: LSN) throws(WalError) -> [String] {
        try checkChangeable()
        if lsn.rawValue > core.store.writtenLSN &+ 1, lsn.rawValue <= queue.lastAssigned &+ 1 {
            try core.makeWritten(queue.ticket(lsn.rawValue - 1))
        }
        defer {
            core.durableMovedElsewhere()
            // There may be room now.
            if queue.isDiskFull { queue.requestRetry() }
            core.maintenance.kick()
        }
        let core = self.core
        do throws(WalError) {
            return try core.maintenanceLock.withLock { () throws(WalError) in
                try checkChangeable()
                return try core.store.truncate(before: lsn.rawValue)
            }
        } catch {
            if let cause = core.store.failure { throw core.committer.fail(cause) }
            throw error
        }
    }

    /// Drops the events before an LSN, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameter lsn: the oldest event to keep.
    /// - Returns: the paths of the files removed.
    /// - Throws: as the synchronous form, and `noThread`.
    @discardableResult
    public func truncate(before lsn: LSN) async throws(WalError) -> [String] {
        try await onThread { () throws(WalError) in try self.truncate(before: lsn) }
    }

    /// The segments, oldest first.
    ///
    /// Looks at the file of a segment; at that of a sealed one, for its footer, the first time only.
    ///
    /// - Throws: `closed`, `notFound` if a file has gone, `permissionDenied`, `tooManyOpenFiles`, `io`.
    public func segments() throws(WalError) -> [SegmentInfo] {
        try checkNotClosed()
        return try core.store.segments()
    }

    /// The segments, oldest first, suspending meanwhile; see the synchronous form.
    ///
    /// - Throws: as the synchronous form, and `noThread`.
    public func segments() async throws(WalError) -> [SegmentInfo] {
        try await onThread { () throws(WalError) in try self.segments() }
    }

    /// Reads all of the log, verifies every checksum, and says what is wrong.
    ///
    /// Blocks for as long as reading takes, with read calls and never through a map; appends go on meanwhile. Damage is
    /// in the report, not thrown.
    ///
    /// - Parameter progress: called for each frame, on the calling thread, with the bytes done and about how many there
    ///   are.
    /// - Throws: `closed`, `unsupportedFormat`, `permissionDenied`, `tooManyOpenFiles`, `io`.
    public func verify(progress: ((UInt64, UInt64) -> Void)? = nil) throws(WalError) -> VerifyReport {
        try checkNotClosed()
        do throws(WalError) {
            return try core.store.verify(progress: progress)
        } catch {
            try checkNotClosed()
            throw error
        }
    }

    /// Reads and verifies all of the log on a thread of its own, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameter progress: called for each frame, on that thread, with the bytes done and about how many there are.
    /// - Throws: as the synchronous form, and `noThread`.
    public func verify(progress: (@Sendable (UInt64, UInt64) -> Void)? = nil) async throws(WalError) -> VerifyReport {
        try await onThread { () throws(WalError) in try self.verify(progress: progress) }
    }

    /// Reads all of a log that need not be open, verifies every checksum, and says what is wrong: what keeps it from being opened
    /// included, and on both sides of it.
    ///
    /// Takes no lock and changes nothing. Blocks for as long as reading takes.
    ///
    /// - Parameters:
    ///   - path: the log's directory.
    ///   - storage: where the log keeps its files.
    ///   - progress: called for each frame, on the calling thread, with the bytes done and about how many there are.
    /// - Throws: where nothing can be said of events: `notFound`, `notALog`, `foreignFile`, `unsupportedFormat`,
    ///   `permissionDenied`, `tooManyOpenFiles`, `io`.
    public static func verify(
        at path: FilePath, storage: LogStorage = .posix, progress: ((UInt64, UInt64) -> Void)? = nil
    ) throws(WalError) -> VerifyReport {
        var options = Options()
        options.storage = storage
        let environment = StoreEnvironment(
            storage: storage.implementation, now: SystemClock.wallNanoseconds, random: SystemRandom.bits64)
        return try LogStore.verify(
            DirectoryPath(path), options: options.storeOptions, environment: environment, progress: progress)
    }

    /// Looks again at what the writer of a log opened for reading has done since.
    ///
    /// Blocks for disk reads: those of what is new, or as many as opening needs if the writer has changed. Iterators made before
    /// keep the end they had.
    ///
    /// - Returns: whether the end has moved: on, or back where the log was cut. Of a log that is open for writing, always
    ///   false.
    /// - Throws: as ``open(at:options:)-(FilePath,_)``, and `closed`.
    @discardableResult
    public func refresh() throws(WalError) -> Bool {
        try checkNotClosed()
        guard core.options.readOnly else { return false }
        return try core.refresh()
    }

    /// Looks again at what the writer of a log opened for reading has done since, suspending meanwhile; see the synchronous
    /// form.
    ///
    /// - Returns: whether there are new events.
    /// - Throws: as the synchronous form, and `noThread`.
    @discardableResult
    public func refresh() async throws(WalError) -> Bool {
        try await onThread { () throws(WalError) in try self.refresh() }
    }

    private func checkChangeable() throws(WalError) {
        try core.checkAlive()
    }
}
