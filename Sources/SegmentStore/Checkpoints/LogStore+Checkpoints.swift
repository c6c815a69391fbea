import Synchronization
import WalPlatform

// Called by any thread at any time. An error concerns the call alone; only that of a sync of the log's directory fails the
// store, as it may have been about a segment's name.
extension LogStore {
    var checkpointFolder: CheckpointFolder {
        CheckpointFolder(storage: storage, directory: directory, flaws: environment.flaws)
    }

    /// Saves a checkpoint in the place of the one of that name, if there is one; durable on return.
    ///
    /// - Parameters:
    ///   - position: of an event on stable storage, or `.start`.
    ///   - state: at most `Checkpoint.stateBytesMax` bytes.
    package func setCheckpoint(_ name: String, at position: Position, state: [UInt8]?) throws(WalError) {
        try Self.checkCheckpoint(name: name, state: state)
        try checkUsable()
        try checkDurable(position)
        try change(name) { () throws(WalError) in
            try hold(name, at: position.lsn.rawValue)
            try makeCheckpointFolder()
            let header = CheckpointHeader(
                identity: identity, name: name, position: position, time: environment.now(), state: state)
            try checkpointFolder.write(header, state: state)
            checkpointDesk.holds.withLock { $0?[name] = position.lsn.rawValue }
        }
    }

    /// Refuses a name or a state that no checkpoint can have.
    package static func checkCheckpoint(name: String, state: [UInt8]?) throws(WalError) {
        try Checkpoint.check(name: name)
        guard let state, state.count > Checkpoint.stateBytesMax else { return }
        throw WalError(
            .invalidArgument,
            "a checkpoint's state can't have \(state.count) bytes; at most \(Checkpoint.stateBytesMax)")
    }

    /// The first event that the consumer of a checkpoint has not processed.
    ///
    /// Throws `checkpointFellBehind` if it is not kept any more, `stalePosition` if the one before is not the one processed.
    package func resumePoint(of checkpoint: Checkpoint) throws(WalError) -> UInt64 {
        let lsn = checkpoint.position.lsn.rawValue
        let first = firstLSN
        if lsn < first - 1 {
            // Nothing is lost where nothing ever was: a log may begin at any LSN.
            let beginsHere = catalog.withLock {
                $0.segments.first.map { $0.sequence == 1 && $0.base == first } ?? false
            }
            if lsn == 0, beginsHere { return first }
            throw WalError(
                .checkpointFellBehind,
                "the checkpoint \(checkpoint.name) stands at LSN \(lsn), but the oldest event kept is \(first): \(first - 1 - lsn) events are lost to it; save it anew to go on behind them",
                path: directory, lsns: LSN(lsn + 1)...LSN(first - 1))
        }
        try check(checkpoint.position)
        return lsn + 1
    }

    /// A checkpoint with its state. Throws `unknownCheckpoint`; `corrupted`, `foreignFile` or `unsupportedFormat` if it can't be read.
    package func checkpoint(_ name: String) throws(WalError) -> Checkpoint {
        try Checkpoint.check(name: name)
        return try checkpointFolder.read(name, identity: identity)
    }

    /// All checkpoints, without their states, sorted by name; damaged ones too.
    package func checkpoints() throws(WalError) -> [CheckpointInfo] {
        try checkpointFolder.list(identity: identity)
    }

    /// Removes a checkpoint, damaged or not; durable on return. Throws `unknownCheckpoint` if there is none.
    package func removeCheckpoint(_ name: String) throws(WalError) {
        try Checkpoint.check(name: name)
        try checkUsable()
        try change(name) { () throws(WalError) in
            try checkpointFolder.remove(name)
            checkpointDesk.holds.withLock { _ = $0?.removeValue(forKey: name) }
        }
    }

    private func change(_ name: String, _ body: () throws(WalError) -> Void) throws(WalError) {
        guard checkpointDesk.acquire(name) else { throw WalError(.closed, "the log is closed", path: directory) }
        defer { checkpointDesk.release(name) }
        do throws(WalError) {
            try body()
        } catch {
            forgetHoldIfGone(name)
            throw error
        }
    }

    /// After a failed change: a checkpoint that isn't there holds nothing back. Of one that is, either state may be found after a
    /// crash, and the hold stays the lower of the two.
    private func forgetHoldIfGone(_ name: String) {
        do throws(WalError) {
            guard try checkpointFolder.info(name, identity: identity) == nil else { return }
            checkpointDesk.holds.withLock { _ = $0?.removeValue(forKey: name) }
        } catch {
            // Unknown: what is held stays held. The caller hears of the first error.
        }
    }

    private func checkDurable(_ position: Position) throws(WalError) {
        let lsn = position.lsn.rawValue
        let newest = environment.flaws.contains(.checkpointsBeforeDurable) ? writtenLSN : durableLSN
        guard lsn <= newest else {
            throw WalError(
                .notYetWritten,
                "no checkpoint can be saved at LSN \(lsn): the newest event on stable storage is \(newest)",
                path: directory, lsns: LSN(lsn)...LSN(lsn))
        }
    }

    /// Keeps retention from dropping what comes behind the event, from before the checkpoint is saved.
    private func hold(_ name: String, at lsn: UInt64) throws(WalError) {
        try checkpointDesk.holds.withLock { (holds) throws(WalError) in
            guard lsn == 0 || lsn + 1 >= firstLSN else {
                throw WalError(
                    .truncated,
                    "no checkpoint can be saved at LSN \(lsn): it was truncated away; the oldest event kept is \(firstLSN)",
                    path: directory, lsns: LSN(lsn)...LSN(lsn))
            }
            try loadHolds(&holds)
            let before = holds?[name] ?? lsn
            holds?[name] = min(before, lsn)
        }
    }

    /// Reads what the checkpoints hold back, once.
    ///
    /// A process that was killed may have left a checkpoint's new name in the page cache only. What is dropped because of it
    /// would be missed, were the older one to come back.
    func loadHolds(_ holds: inout [String: UInt64]?) throws(WalError) {
        guard holds == nil else { return }
        if !options.readOnly {
            let folder = checkpointFolder
            try attempt("make the checkpoints durable") { () throws(StorageError) in try folder.syncNames() }
        }
        var read: [String: UInt64] = [:]
        for info in try checkpoints() { read[info.name] = info.position?.lsn.rawValue ?? 0 }
        holds = read
    }

    /// Makes the folder, its name durable.
    private func makeCheckpointFolder() throws(WalError) {
        guard !checkpointDesk.folderIsDurable.load(ordering: .acquiring) else { return }
        let folder = checkpointFolder
        _ = try attempt("make the folder of checkpoints") { () throws(StorageError) in try folder.make() }
        if environment.flaws.contains(.makesCheckpointFolderWithoutSync) { return }
        // Also where it was there: an earlier life may have been stopped before its name was durable. Under the lock of
        // all syncs that segments depend on: of a failed one nobody is told twice.
        try syncState.withLock { (state) throws(WalError) in
            try checkUsable()
            do throws(StorageError) {
                try storage.syncDirectory(directory)
            } catch {
                if error.isPassing { throw error.wal("make the folder of checkpoints durable") }
                throw poison(error, "make the folder of checkpoints durable")
            }
        }
        checkpointDesk.folderIsDurable.store(true, ordering: .releasing)
    }
}
