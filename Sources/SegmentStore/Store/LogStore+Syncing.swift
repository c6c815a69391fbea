import Synchronization
import WalPlatform

extension LogStore {
    /// Whether recovery read events that nothing vouches for and that have not been written again yet.
    package var hasUnvouched: Bool { syncState.withLock { !$0.unvouched.isEmpty } }

    /// Writes again and syncs what recovery read above the watermark. After a failed sync in an earlier life it may exist in
    /// memory only, where the kernel holds it for clean; reading it proves nothing.
    package func rewriteUnvouched() throws(WalError) {
        guard hasUnvouched else { return }
        try sync()
    }

    /// Makes all that was written before the call durable, settling rolled segments in order; returns the new durable LSN.
    ///
    /// Every sync of segments goes through here under one lock: the kernel tells each failure once, so no second sync may
    /// come between a failed one and its publication.
    @discardableResult
    package func sync() throws(WalError) -> UInt64 {
        try checkUsable()
        var settled: [WritableSegment] = []
        let lsn = try syncState.withLock { (state) throws(WalError) -> UInt64 in
            try checkUsable()
            guard !state.isClosed else { throw WalError(.closed, "the log is closed", path: directory) }
            do throws(StorageError) {
                return try sync(&state, settled: &settled)
            } catch {
                // Nothing was published, and no sync has failed: the same steps may be taken again.
                if error.isPassing || environment.flaws.contains(.retriesFailedSync) {
                    throw error.wal("make events durable")
                }
                throw poison(error, "make events durable")
            }
        }
        for segment in settled {
            environment.notify(.settled(base: LSN(segment.segment.base), path: segment.path))
        }
        return lsn
    }

    private func sync(_ state: inout SyncState, settled: inout [WritableSegment]) throws(StorageError) -> UInt64 {
        let flaws = environment.flaws
        for (segment, range) in state.unvouched where !flaws.contains(.skipsRewrite) { try rewrite(segment, range) }
        let hadUnvouched = !state.unvouched.isEmpty
        state.unvouched = []
        // Before the end is looked at: bytes written in between must not pass for synced.
        let bytes = unsynced.load(ordering: .relaxed)
        // Seen together: a roll moves a segment to `unsettled` and the end to the next one in one step.
        let (rolled, active, mark) = catalog.withLock { ($0.unsettled, $0.active, $0.active?.publishedMark) }
        guard let active, let mark else { return state.durable.lsn }
        // After a rebuilt superblock it may know an older segment as the active one.
        let hasMoved = !rolled.isEmpty || active.header.sequence != state.superblock.activeSequence
        guard hasMoved || mark.lsn > state.durable.lsn || hadUnvouched else { return state.durable.lsn }
        if flaws.contains(.acknowledgesBeforeSync) { durable.store(mark.lsn, ordering: .releasing) }
        for segment in rolled where !flaws.contains(.skipsSyncOfRolledSegment) { try segment.file.sync() }
        if rolled.isEmpty || !flaws.contains(.skipsSyncOfNewSegment) { try active.file.sync() }
        let reached = flaws.contains(.marksEndAfterSync) ? active.publishedMark : mark
        if hasMoved {
            if flaws.contains(.recordsRollBeforeNames) {
                state.superblock.activeBase = active.segment.base
                state.superblock.activeSequence = active.header.sequence
                try writeSuperblock(watermark: mark, &state)
            }
            if !flaws.contains(.skipsDirectorySyncOnRoll) { try storage.syncDirectory(directory) }
            try settle(rolled, active: active, mark: mark, &state)
            settled = rolled
        }
        state.durable = reached
        _ = unsynced.wrappingSubtract(bytes, ordering: .relaxed)
        durable.store(reached.lsn, ordering: .releasing)
        return reached.lsn
    }

    /// Records in the superblock that the log now goes on in `active`, before anything in it counts as durable.
    private func settle(
        _ rolled: [WritableSegment], active: WritableSegment, mark: Mark, _ state: inout SyncState
    ) throws(StorageError) {
        try changeSuperblock(watermark: mark, &state, writes: !environment.flaws.contains(.skipsSuperblockOnRoll)) {
            $0.activeBase = active.segment.base
            $0.activeSequence = active.header.sequence
        }
        let waiting = catalog.withLock { $0.unsealed.count }
        for segment in rolled.dropFirst(max(0, Self.unsealedOpenMax - waiting)) { segment.park() }
        catalog.withLock { catalog in
            catalog.unsettled.removeFirst(rolled.count)
            catalog.unsealed.append(contentsOf: rolled)
            noteSealing(catalog)
        }
    }

    /// How many segments that wait to be sealed keep their files open.
    static let unsealedOpenMax = 8

    /// Changes the superblock, in memory only if the disk took it: where there is no room for it, as there may be on a file
    /// system that writes nothing in place, it can be tried again. The disk may have it all the same, so the generation
    /// that was tried is used up.
    func changeSuperblock(
        watermark: Mark, _ state: inout SyncState, writes: Bool = true, _ change: (inout Superblock) -> Void = { _ in }
    ) throws(StorageError) {
        let before = state.superblock
        change(&state.superblock)
        guard writes else { return }
        do throws(StorageError) {
            try writeSuperblock(watermark: watermark, &state)
        } catch {
            let generation = state.superblock.generation
            if !environment.flaws.contains(.keepsUnwrittenUpdate) { state.superblock = before }
            state.superblock.generation = generation
            throw error
        }
    }

    func writeSuperblock(watermark: Mark, _ state: inout SyncState) throws(StorageError) {
        guard let file = state.file else { return }
        // Into a file that nobody will find again everything can still be written.
        if let gone = try removal() { throw gone }
        state.superblock.watermark = watermark
        let superblock = state.superblock
        (state.superblock.firstSequence, state.superblock.sealedBelow) = catalog.withLock { catalog in
            // As recovery finds it: the last settled segment that begins no later than the first LSN kept. A settled roll
            // can move it, where a truncation had dropped everything there was.
            let count = catalog.segments.prefixCount { base, sequence in
                base <= superblock.firstLSN && sequence <= superblock.activeSequence
            }
            let first = count > 0 ? catalog.segments.sequence(at: count - 1) : superblock.firstSequence
            let unsealed = catalog.unsealed.map(\.header.sequence).min() ?? UInt64.max
            let unsettled = catalog.unsettled.first?.header.sequence ?? UInt64.max
            return (first, min(unsealed, unsettled, superblock.activeSequence))
        }
        if !environment.flaws.contains(.reusesGeneration) { state.superblock.generation += 1 }
        try file.write(state.superblock)
    }

    private func rewrite(_ segment: WritableSegment, _ range: Range<UInt64>) throws(StorageError) {
        let window = ByteWindow(segment.file, limit: range.upperBound)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = Int(min(256 << 10, range.upperBound - offset))
            guard let bytes = try window.bytes(at: offset, count: count) else {
                throw StorageError(.read, segment.path, errno: ErrorNumber.io)
            }
            try segment.file.write(at: offset, UnsafeRawBufferPointer(start: bytes, count: count))
            offset += UInt64(count)
        }
    }

    /// Puts the durable position into the superblock if it has moved since: the next open then reads less.
    package func recordWatermark() throws(WalError) {
        if hasUnfinishedCut { return }
        try checkUsable()
        try syncState.withLock { (state) throws(WalError) in
            guard !state.isClosed, state.durable.lsn > state.superblock.watermark.lsn,
                state.durable.segment == state.superblock.activeBase
            else { return }
            do throws(StorageError) {
                if environment.flaws.contains(.recordsWrittenPosition) {
                    state.durable = catalog.withLock { $0.active?.publishedMark } ?? state.durable
                }
                try changeSuperblock(watermark: state.durable, &state)
            } catch {
                if error.isPassing { throw error.wal("write the superblock") }
                throw poison(error, "write the superblock")
            }
        }
    }
}

// MARK: - The end

extension LogStore {
    /// Syncs, records the clean close, closes the files and frees the lock. The other steps must be over. Idempotent.
    package func closeCleanly() throws(WalError) {
        guard !options.readOnly else { return try abandon() }
        if syncState.withLock({ $0.isClosed }) { return }
        if hasUnfinishedCut {
            do throws(WalError) {
                try finishCut()
            } catch {
                // All that is kept is durable, the cut is stated, and the next open finishes it.
                do { try abandon() } catch {}
                if let failure { throw failure }
                return
            }
        }
        do {
            if !environment.flaws.contains(.closesWithoutSync) { try sync() }
            try syncState.withLock { (state) throws(WalError) in
                guard !hasSuspectTail.load(ordering: .relaxed) else { return }
                do throws(StorageError) {
                    try changeSuperblock(watermark: state.durable, &state) { $0.isClean = true }
                } catch {
                    // All is durable. Without the mark the next open reads what lies behind the watermark, and no more.
                    if error.isPassing { return }
                    throw poison(error, "record the clean close")
                }
            }
        } catch {
            // All is durable, and no sync has failed: without the mark the next open looks for more, and finds none.
            if failure == nil, durableLSN >= writtenLSN { return try abandon() }
            // The lock is freed whatever happened; the first cause is what the caller must hear.
            do { try abandon() } catch {}
            throw error
        }
        try abandon()
    }

    /// Closes the files and frees the lock without syncing anything. The other steps must be over. Idempotent.
    package func abandon() throws(WalError) {
        let (file, wasClosed) = syncState.withLock { state -> (SuperblockFile?, Bool) in
            let was = state.isClosed
            state.isClosed = true
            let file = state.file
            state.file = nil
            return (file, was)
        }
        guard !wasClosed else { return }
        opened.close()
        // The lock must be held for as long as anybody changes a checkpoint.
        checkpointDesk.close()
        writer.active = nil
        writer.stuck = nil
        if let cut = writer.cut, !cut.isNamed { maker.discard(cut.copy.file, cut.copy.temporary) }
        writer.cut = nil
        let open = catalog.withLock { catalog -> [WritableSegment] in
            let all = catalog.unsealed + catalog.unsettled + (catalog.active.map { [$0] } ?? [])
            catalog.unsealed = []
            catalog.unsettled = []
            catalog.active = nil
            return all
        }
        let spareSegment = spare.withLock { spare -> SpareSegment? in
            let value = spare
            spare = nil
            return value
        }
        var first: StorageError?
        do throws(StorageError) { try dropWork() } catch { first = error }
        func note(_ body: () throws(StorageError) -> Void) {
            do { try body() } catch { first = first ?? error }
        }
        for segment in open { note { () throws(StorageError) in try segment.file.close() } }
        if let spareSegment {
            note { () throws(StorageError) in try spareSegment.file.close() }
            note { () throws(StorageError) in
                do throws(StorageError) {
                    try storage.unlink(path(FileNames.spare))
                } catch {
                    // Nothing is in it, and the next open removes it.
                    guard error.isPassing || error.isNotFound else { throw error }
                }
            }
        }
        if let file { note { () throws(StorageError) in try file.close() } }
        if let lock { note { () throws(StorageError) in try lock.release() } }
        if let first { throw first.wal("close the log") }
    }
}
