internal import SegmentStore

extension WriteAheadLog {
    /// Saves how far a consumer has come, in the place of its last checkpoint; on stable storage on return, wholly or, after
    /// an error or a crash, perhaps not at all.
    ///
    /// Makes the event durable first, as ``waitDurable(_:)`` does. Blocks for that and for two syncs. Threads that save
    /// checkpoints of different names don't wait for each other.
    ///
    /// - Parameters:
    ///   - name: the consumer's: 1 to 100 characters of a–z, 0–9, `.`, `_` and `-`.
    ///   - lsn: the last event processed; 0 if there is none.
    ///   - state: what the consumer wants to find with it: nil, or at most 16 MiB.
    /// - Throws: `invalidArgument` if name or state can't be; `notYetWritten` if no such event has been accepted; `truncated`
    ///   if the event is not kept any more; `diskFull`, `failed`, `closed`, `discarded`, `readOnly`, `io`. Errors of the
    ///   checkpoint's own files concern this call alone.
    public func saveCheckpoint(_ name: String, at lsn: LSN, state: [UInt8]? = nil) throws(WalError) {
        let ticket = try core.checkSaving(name, lsn, state)
        try core.makeDurable(ticket)
        try core.saveCheckpoint(name, at: ticket, state: state)
    }

    /// Saves how far a consumer has come, by a position.
    ///
    /// - Parameters:
    ///   - name: the consumer's.
    ///   - position: of the last event processed; `.start` if there is none.
    ///   - state: what the consumer wants to find with it: nil, or at most 16 MiB.
    /// - Throws: as the form with an LSN, and `stalePosition` if the position is of an event that was cut off since, or of
    ///   another copy of the log.
    public func saveCheckpoint(_ name: String, at position: Position, state: [UInt8]? = nil) throws(WalError) {
        try core.makeDurable(try core.checkSaving(name, position, state))
        try core.saveCheckpoint(name, at: position, state: state)
    }

    /// The checkpoint of a name, with its state.
    ///
    /// Blocks for disk reads. Works on a log opened for reading, beside the writer too.
    ///
    /// - Parameter name: the consumer's.
    /// - Throws: `unknownCheckpoint`; `corrupted`, `foreignFile` or `unsupportedFormat` if it can't be read;
    ///   `invalidArgument`, `closed`, `permissionDenied`, `tooManyOpenFiles`, `io`.
    public func checkpoint(_ name: String) throws(WalError) -> Checkpoint {
        try checkNotClosed()
        return try core.store.checkpoint(name)
    }

    /// All checkpoints but their states, sorted by name; damaged ones are among them.
    ///
    /// Blocks for disk reads: opens each file.
    ///
    /// - Throws: `closed`, `permissionDenied`, `tooManyOpenFiles`, `io`.
    public func checkpoints() throws(WalError) -> [CheckpointInfo] {
        try checkNotClosed()
        return try core.store.checkpoints()
    }

    /// Removes a checkpoint, damaged or not; durable on return.
    ///
    /// - Parameter name: the consumer's.
    /// - Throws: `unknownCheckpoint` if there is none, `invalidArgument`, `failed`, `closed`, `readOnly`, `io`.
    public func removeCheckpoint(_ name: String) throws(WalError) {
        try core.removeCheckpoint(name)
    }
}

// MARK: - Suspending

extension WriteAheadLog {
    /// Saves how far a consumer has come, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameters:
    ///   - name: the consumer's.
    ///   - lsn: the last event processed; 0 if there is none.
    ///   - state: what the consumer wants to find with it: nil, or at most 16 MiB.
    /// - Throws: as the synchronous form, `cancelled` and `noThread`.
    public func saveCheckpoint(_ name: String, at lsn: LSN, state: [UInt8]? = nil) async throws(WalError) {
        let core = self.core
        let ticket = try core.checkSaving(name, lsn, state)
        try await core.makeDurable(ticket)
        try await onThread { () throws(WalError) in _ = try core.saveCheckpoint(name, at: ticket, state: state) }
    }

    /// Saves how far a consumer has come, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameters:
    ///   - name: the consumer's.
    ///   - position: of the last event processed; `.start` if there is none.
    ///   - state: what the consumer wants to find with it: nil, or at most 16 MiB.
    /// - Throws: as the synchronous form, `cancelled` and `noThread`.
    public func saveCheckpoint(_ name: String, at position: Position, state: [UInt8]? = nil) async throws(WalError) {
        let core = self.core
        let ticket = try await onThread { () throws(WalError) in try core.checkSaving(name, position, state) }
        try await core.makeDurable(ticket)
        try await onThread { () throws(WalError) in try core.saveCheckpoint(name, at: position, state: state) }
    }

    /// The checkpoint of a name, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameter name: the consumer's.
    /// - Throws: as the synchronous form, and `noThread`.
    public func checkpoint(_ name: String) async throws(WalError) -> Checkpoint {
        try await onThread { () throws(WalError) in try self.checkpoint(name) }
    }

    /// All checkpoints but their states, suspending meanwhile; see the synchronous form.
    ///
    /// - Throws: as the synchronous form, and `noThread`.
    public func checkpoints() async throws(WalError) -> [CheckpointInfo] {
        try await onThread { () throws(WalError) in try self.checkpoints() }
    }

    /// Removes a checkpoint, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameter name: the consumer's.
    /// - Throws: as the synchronous form, and `noThread`.
    public func removeCheckpoint(_ name: String) async throws(WalError) {
        try await onThread { () throws(WalError) in try self.removeCheckpoint(name) }
    }
}
