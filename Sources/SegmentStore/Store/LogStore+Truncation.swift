import Synchronization

extension LogStore {
    /// Drops the events before `lsn`, so that it becomes the first; files go by whole segments. Returns the paths removed.
    ///
    /// The new low mark is on stable storage before the first name goes: a stop in between leaves files that the next open
    /// removes, never a hole.
    @discardableResult
    package func truncate(before lsn: UInt64) throws(WalError) -> [String] {
        try checkUsable()
        guard lsn > firstLSN else { return [] }
        guard lsn <= writtenLSN + 1 else {
            throw WalError(
                .notYetWritten, "can't truncate before LSN \(lsn): the newest event is \(writtenLSN)", path: directory,
                lsns: LSN(lsn)...LSN(lsn))
        }
        // The low mark must not pass what is on stable storage: the log would begin behind its own end. Nor may the segment
        // kept be one that the superblock has not heard of.
        if lsn - 1 > durableLSN || catalog.withLock({ !$0.unsettled.isEmpty }),
            !environment.flaws.contains(.truncatesWithoutSync)
        {
            try sync()
        }
        let epochBefore = try epoch(of: lsn - 1)
        let removed = try syncState.withLock { (state) throws(WalError) -> [Segment] in
            try checkUsable()
            guard !state.isClosed else { throw WalError(.closed, "the log is closed", path: directory) }
            guard lsn > state.superblock.firstLSN else { return [] }
            // A roll since may have begun a segment at `lsn`, which is not settled: then the one before it is kept too.
            let settled = state.superblock.activeSequence
            let gone = catalog.withLock { catalog in
                let kept = catalog.segments.lastIndex { $0.base <= lsn && $0.sequence <= settled } ?? 0
                return Array(catalog.segments[..<kept])
            }
            do throws(StorageError) {
                state.superblock.firstLSN = lsn
                state.superblock.epochBeforeFirst = epochBefore
                if environment.flaws.contains(.unlinksBeforeLowMark) {
                    for segment in gone { try storage.unlink(segment.path) }
                }
                // With a watermark not below it, so that recovery holds what lies before the first event for durable.
                try writeSuperblock(watermark: state.durable, &state)
            } catch {
                throw poison(error, "write the superblock")
            }
            first.store(lsn, ordering: .releasing)
            return gone
        }
        return try remove(removed)
    }

    private func remove(_ segments: [Segment]) throws(WalError) -> [String] {
        guard !segments.isEmpty else { return [] }
        var paths: [String] = []
        for segment in segments {
            segment.info.withLock { $0.isRemoved = true }
            let writable = catalog.withLock { catalog -> WritableSegment? in
                catalog.segments.removeAll { $0 === segment }
                let index = catalog.unsealed.firstIndex { $0.segment === segment }
                return index.map { catalog.unsealed.remove(at: $0) }
            }
            try attempt("remove a truncated segment") { () throws(StorageError) in
                if !environment.flaws.contains(.unlinksBeforeLowMark) { try storage.unlink(segment.path) }
                if let writable { try writable.file.close() }
            }
            paths.append(segment.path)
            environment.notify(.deleted(base: LSN(segment.base), path: segment.path))
        }
        try attempt("sync the log's directory") { () throws(StorageError) in try storage.syncDirectory(directory) }
        return paths
    }

    /// The epoch of the frame that holds an event.
    private func epoch(of lsn: UInt64) throws(WalError) -> UInt32 {
        guard lsn >= firstLSN else { return 0 }
        var cursor = try cursor(from: lsn, through: lsn, access: .read)
        _ = try cursor.nextRun()
        return cursor.epoch
    }
}
