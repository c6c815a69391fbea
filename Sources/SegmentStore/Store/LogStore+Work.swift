import WalPlatform

/// What is under way of the work that nobody waits for: compressing one segment, and reading one again so that it can be sealed.
///
/// Touched only with `workLock` held; hence `@unchecked Sendable`.
final class WorkState: @unchecked Sendable {
    var job: CompressionJob?
    var scan: SegmentScan?
}

/// Reading the frames of a segment that was found at open and not counted while it was written.
final class SegmentScan {
    let segment: WritableSegment
    fileprivate let file: any StorageFile
    fileprivate let window: ByteWindow
    fileprivate var chain: FrameChain
    fileprivate var tally: SegmentTally
    fileprivate var isDamaged = false

    /// Through a descriptor of its own: the segment's is closed when it is truncated away.
    init(_ segment: WritableSegment, _ storage: any Storage, gate: FairLock) throws(StorageError) {
        self.segment = segment
        file = try storage.open(segment.path, .readOnly)
        window = ByteWindow(file, limit: segment.chain.offset, isSettled: true, gate: gate)
        chain = FrameChain(segment.header)
        tally = SegmentTally(spacing: segment.header.indexSpacing)
    }

    deinit {
        // Read only: a failed close can lose nothing.
        do { try file.close() } catch {}
    }
}

/// Work on bytes that don't change. It holds up nobody but those who do the same, and the end of the log: what it has made is
/// published as a maintenance step, once it was checked again that the segment is still the one in the catalogue.
extension LogStore {
    /// How many bytes of frames a step reads.
    static let scanSlice: UInt64 = 1 << 20

    /// Does the next slice of the work that is due: reading again a segment that is to be sealed, or compressing one by policy;
    /// returns false if nothing is.
    ///
    /// Takes `workLock`, and `maintenanceLock` to publish. An error concerns that segment alone unless `failure` is set after it.
    package func work() throws(WalError) -> Bool {
        try workLock.withLock { () throws(WalError) in
            if hasUnfinishedCut { return false }
            try checkUsable()
            if syncState.withLock({ $0.isClosed }) { return false }
            if try scan() { return true }
            return try compressByPolicy()
        }
    }

    /// Reads the next slice of a segment that waits to be sealed and of which not all frames were counted; false if none does.
    /// The caller holds `workLock`.
    func scan() throws(WalError) -> Bool {
        if let scan = worker.scan, !isUnsealed(scan.segment) { worker.scan = nil }
        let scan: SegmentScan
        if let under = worker.scan {
            scan = under
        } else {
            guard let next = catalog.withLock({ $0.unsealed.first { !$0.tally.isComplete } }) else { return false }
            do throws(StorageError) {
                scan = try SegmentScan(next, storage, gate: largeFrames)
            } catch {
                // Truncated away or replaced meanwhile.
                guard isUnsealed(next) else { return true }
                moveBehind(next)
                throw error.wal("read a segment")
            }
            worker.scan = scan
        }
        do throws(StorageError) {
            try advance(scan)
        } catch {
            worker.scan = nil
            guard isUnsealed(scan.segment) else { return true }
            moveBehind(scan.segment)
            throw error.wal("read a segment")
        }
        if let damage = damage(in: scan) {
            worker.scan = nil
            guard try giveUp(scan.segment, damage) else { return true }
            throw damage
        }
        if scan.chain.offset >= scan.segment.chain.offset {
            worker.scan = nil
            maintenanceLock.withLock {
                // Of one that has gone nobody looks at it any more.
                catalog.withLock { _ in scan.segment.tally = scan.tally }
            }
        }
        return true
    }

    private func advance(_ scan: SegmentScan) throws(StorageError) {
        // A truncation may wait for the memory while it holds locks that are taken next.
        defer { scan.window.release() }
        let end = scan.segment.chain.offset
        let stop = min(end, scan.chain.offset + Self.scanSlice)
        while scan.chain.offset < stop {
            guard case .whole(let frame, let body) = try scan.chain.check(scan.window),
                scan.tally.add(frame, at: scan.chain.offset, body: body) != nil
            else {
                scan.isDamaged = true
                return
            }
            scan.chain.accept(frame)
        }
    }

    private func damage(in scan: SegmentScan) -> WalError? {
        let (segment, chain) = (scan.segment, scan.chain)
        if scan.isDamaged {
            return WalError(
                .corrupted, "a frame is damaged; \(RecoveryScan.advice)", path: segment.path, offset: chain.offset,
                lsns: LSN(chain.nextLSN)...LSN(max(chain.nextLSN, segment.chain.lsn)))
        }
        guard chain.offset >= segment.chain.offset else { return nil }
        let end = chain.mark(in: segment.segment.base)
        if end.offset == segment.chain.offset, end.lsn == segment.chain.lsn, end.link == segment.chain.link {
            return nil
        }
        // The next header says something else of this segment than its frames do: one of the two was replaced.
        return WalError(
            .corrupted, "the segment does not end as the next one says; \(RecoveryScan.advice)", path: segment.path,
            offset: end.offset, lsns: LSN(segment.segment.base)...LSN(max(segment.segment.base, end.lsn)))
    }

    /// Leaves a damaged segment unsealed, its readers hearing of the damage themselves; false if it has gone meanwhile.
    private func giveUp(_ segment: WritableSegment, _ error: WalError) throws(WalError) -> Bool {
        let isThere = maintenanceLock.withLock {
            catalog.withLock { catalog in
                let count = catalog.unsealed.count
                catalog.unsealed.removeAll { $0 === segment }
                return catalog.unsealed.count < count
            }
        }
        guard isThere else { return false }
        environment.notify(.corruption(error))
        try attempt("close a segment") { () throws(StorageError) in try segment.file.close() }
        return true
    }

    private func isUnsealed(_ segment: WritableSegment) -> Bool {
        catalog.withLock { $0.unsealed.contains { $0 === segment } }
    }

    /// Later, behind the others: one that can't be sealed must not keep them from it.
    func moveBehind(_ segment: WritableSegment) {
        catalog.withLock { catalog in
            guard let index = catalog.unsealed.firstIndex(where: { $0 === segment }) else { return }
            catalog.unsealed.append(catalog.unsealed.remove(at: index))
        }
    }

    /// Drops what is under way, at the end of the log.
    func dropWork() throws(StorageError) {
        worker.scan = nil
        let job = worker.job
        worker.job = nil
        try job?.discard()
    }
}
