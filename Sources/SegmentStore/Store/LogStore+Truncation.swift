import Synchronization
import WalPlatform

extension LogStore {
    /// Drops the events before `lsn`, so that it becomes the first; files go by whole segments. Returns the paths removed.
    ///
    /// The new low mark is on stable storage before the first name goes: a stop in between leaves files that the next open
    /// removes, never a hole.
    @discardableResult
    package func truncate(before lsn: UInt64) throws(WalError) -> [String] {
        try checkUsable()
        guard lsn >= firstLSN else { return [] }
        // Where the mark is there already, a segment may have been kept that was not settled then, and is now.
        if lsn == firstLSN, catalog.withLock({ $0.segments.prefixCount { base, _ in base <= lsn } }) <= 1 { return [] }
        guard lsn <= LSN.max.rawValue else {
            throw WalError(
                .lsnOverflow, "can't truncate before \(lsn), which is no LSN; the largest is \(LSN.max)",
                path: directory)
        }
        guard lsn <= writtenLSN + 1 else {
            throw WalError(
                .notYetWritten, "can't truncate before LSN \(lsn): the newest event is \(writtenLSN)", path: directory,
                lsns: LSN(lsn)...LSN(lsn))
        }
        let epochBefore = try lsn == firstLSN ? catalog.withLock { $0.epochBeforeFirst } : epoch(before: lsn)
        while true {
            // The low mark must pass neither what is on stable storage (the log would begin behind its own end) nor the
            // segment that the superblock knows as the active one.
            if lsn - 1 > durableLSN || catalog.withLock({ !$0.unsettled.isEmpty }),
                !environment.flaws.contains(.truncatesWithoutSync)
            {
                try sync()
            }
            if let removed = try raiseLowMark(to: lsn, epochBefore: epochBefore) { return try remove(removed) }
        }
    }

    /// Puts the new low mark on stable storage. Returns the segments that lie before it; nil if the log rolled meanwhile.
    private func raiseLowMark(to lsn: UInt64, epochBefore: UInt32) throws(WalError) -> [Segment]? {
        try syncState.withLock { (state) throws(WalError) -> [Segment]? in
            try checkUsable()
            guard !state.isClosed else { throw WalError(.closed, "the log is closed", path: directory) }
            guard lsn >= state.superblock.firstLSN else { return [] }
            // A roll since may have begun a segment at `lsn`, which is not settled: then the one before it is kept too.
            let settled = state.superblock.activeSequence
            let gone = catalog.withLock { catalog in
                let count = catalog.segments.prefixCount { base, sequence in base <= lsn && sequence <= settled }
                let kept = environment.flaws.contains(.removesFirstSegmentKept) ? 0 : 1
                return Array(catalog.segments.prefix(max(count - kept, 0)))
            }
            if lsn == state.superblock.firstLSN { return gone }
            guard lsn - 1 <= state.durable.lsn || environment.flaws.contains(.truncatesWithoutSync) else { return nil }
            do throws(StorageError) {
                if environment.flaws.contains(.unlinksBeforeLowMark) {
                    for segment in gone { try storage.unlink(segment.path) }
                }
                // With a watermark not below it, so that recovery holds what lies before the first event for durable.
                try changeSuperblock(watermark: state.durable, &state) {
                    $0.firstLSN = lsn
                    $0.epochBeforeFirst = epochBefore
                }
            } catch {
                // Nothing has gone yet.
                if error.isPassing { throw error.wal("write the superblock") }
                throw poison(error, "write the superblock")
            }
            catalog.withLock { catalog in
                catalog.epochBeforeFirst = epochBefore
                first.store(lsn, ordering: .releasing)
            }
            return gone
        }
    }

    private func remove(_ segments: [Segment]) throws(WalError) -> [String] {
        guard let last = segments.last else { return [] }
        var paths: [String] = []
        var refusal: WalError?
        for segment in segments { segment.info.withLock { $0.isRemoved = true } }
        for segment in segments { opened.drop(segment) }
        let unsealed = catalog.withLock { catalog -> [WritableSegment] in
            catalog.segments.removeFirst(catalog.segments.prefixCount { _, sequence in sequence <= last.sequence })
            let unsealed = catalog.unsealed.filter { $0.segment.sequence <= last.sequence }
            catalog.unsealed.removeAll { $0.segment.sequence <= last.sequence }
            return unsealed
        }
        for writable in unsealed {
            do throws(StorageError) { try writable.file.close() } catch {
                refusal = refusal ?? error.wal("close a truncated segment")
            }
        }
        for segment in segments {
            do throws(StorageError) {
                if !environment.flaws.contains(.unlinksBeforeLowMark) {
                    try removeForGood(segment.path)
                    try removeLeftTwin(of: segment)
                }
                paths.append(segment.path)
                environment.notify(.deleted(base: LSN(segment.base), path: segment.path))
            } catch {
                // The others go all the same; what is left below the low mark goes later.
                refusal = refusal ?? error.wal("remove a truncated segment")
            }
        }
        // A roll may be under way: its name must not lose the one report of a failure to this sync.
        try syncNamesAside("sync the log's directory")
        if let refusal { throw refusal }
        return paths
    }

    /// Of a compressed segment the raw file may have stayed, where it could not be removed.
    private func removeLeftTwin(of segment: Segment) throws(StorageError) {
        guard segment.info.withLock({ $0.isCompressed }) else { return }
        do throws(StorageError) {
            try removeForGood(segment.path(isCompressed: false))
        } catch {
            guard error.isNotFound else { throw error }
        }
    }

    private func removeForGood(_ path: String) throws(StorageError) {
        do throws(StorageError) {
            try storage.unlink(path)
        } catch {
            if !error.isNotFound { noteLeftover(String(path.dropFirst(directory.count + 1))) }
            throw error
        }
    }

    /// The epoch of the event before the one that is to be the first.
    private func epoch(before lsn: UInt64) throws(WalError) -> UInt32 {
        let segment = catalog.withLock { catalog in catalog.position(of: lsn).map { catalog.segments[$0] } }
        if let segment, segment.base == lsn {
            // The header knows it, also where the segment before can't be read any more.
            let headers = HeaderReader(storage: storage, directory: directory)
            do throws(WalError) {
                if case .intact(let header) = try headers.read(segment, identity: identity) {
                    return header.predecessor.epoch
                }
            } catch {
                guard error.isOfDamage || error.code == .notFound else { throw error }
            }
        }
        return try position(of: lsn - 1).epoch
    }
}
