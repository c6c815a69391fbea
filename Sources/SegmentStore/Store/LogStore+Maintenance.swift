import Synchronization
import WalPlatform

extension LogStore {
    private static let prewriteSlice: UInt64 = 1 << 20

    /// Does the next background step that is due; returns false if none is.
    ///
    /// An error concerns that step alone unless `failure` is set after it; a step that failed is due again.
    ///
    /// - Parameter backlog: how many rolled segments must await it before settling is due.
    package func performMaintenance(settlingAt backlog: Int = 1) throws(WalError) -> Bool {
        try checkUsable()
        if syncState.withLock({ $0.isClosed }) { return false }
        if environment.flaws.contains(.sealsBeforeSettling) {
            catalog.withLock { catalog in
                catalog.unsealed += catalog.unsettled
                catalog.unsettled = []
            }
        }
        // Without room for a spare the other steps still count: sealing gives room back.
        var refusal: WalError?
        do throws(WalError) {
            if try prepareSpare() { return true }
        } catch {
            refusal = error
        }
        if unsettledCount >= max(1, backlog) {
            try sync()
            return true
        }
        do throws(WalError) {
            if try sealNext() { return true }
        } catch {
            refusal = refusal ?? error
        }
        if spareIsReady, try prewriteSpare() { return true }
        do throws(WalError) {
            if try compressByPolicy() { return true }
        } catch {
            if failure != nil { throw error }
            refusal = refusal ?? error
        }
        if let refusal { throw refusal }
        return false
    }

    /// Rolled segments that are not yet known to be on stable storage.
    package var unsettledCount: Int { catalog.withLock { $0.unsettled.count } }

    // MARK: The spare

    private var spareIsReady: Bool { spare.withLock { $0 != nil } }

    /// A log that stays small needs no second file: the spare is made once part of the active segment is used.
    private func prepareSpare() throws(WalError) -> Bool {
        let size = catalog.withLock { $0.active?.header.segmentSize } ?? options.segmentSize
        guard activeOffset.load(ordering: .relaxed) >= min(size, options.segmentSize) / 8 else { return false }
        return try spare.withLock { (spare) throws(WalError) -> Bool in
            guard spare == nil else { return false }
            spare = try makeSpare()
            return true
        }
    }

    /// Fills the spare with zeros, a synced slice at a time, keeping ahead of the use of the active segment.
    private func prewriteSpare() throws(WalError) -> Bool {
        guard options.preallocation == .prewritten else { return false }
        return try spare.withLock { (spare) throws(WalError) -> Bool in
            guard var ready = spare, ready.filled < ready.size else { return false }
            let used = activeOffset.load(ordering: .relaxed)
            guard ready.filled <= min(ready.size, used + used / 4 + Self.prewriteSlice) else { return false }
            let count = min(Self.prewriteSlice, ready.size - ready.filled)
            do {
                let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(count), alignment: Layout.blockSize)
                defer { zeros.deallocate() }
                zeros.initializeMemory(as: UInt8.self, repeating: 0)
                try ready.file.write(at: ready.filled, UnsafeRawBufferPointer(zeros))
                try ready.file.sync()
            } catch let error as StorageError {
                // Nothing is in it yet: another one is made.
                spare = nil
                dropSpare(ready.file)
                throw error.wal("prepare the next segment")
            } catch {
                throw WalError(.io, "could not prepare the next segment: \(error)")
            }
            ready.filled += count
            spare = ready
            return true
        }
    }

    // MARK: Sealing

    /// Settles and seals what has been rolled, a segment at a time, for somebody who can't wait for the background; returns
    /// false if nothing is left.
    package func sealNow() throws(WalError) -> Bool {
        try checkUsable()
        if syncState.withLock({ $0.isClosed }) { return false }
        if unsettledCount > 0 {
            try sync()
            return true
        }
        return try sealNext()
    }

    /// Gives the oldest settled segment its index and footer, and cuts off the space behind them.
    private func sealNext() throws(WalError) -> Bool {
        guard let segment = catalog.withLock({ $0.unsealed.first }) else { return false }
        let sealed: (summary: SegmentSummary, size: UInt64)
        do {
            sealed = try seal(segment)
        } catch let error as StorageError {
            // Later, behind the others: one that can't be sealed must not keep them from it.
            catalog.withLock { catalog in
                guard let index = catalog.unsealed.firstIndex(where: { $0 === segment }) else { return }
                catalog.unsealed.append(catalog.unsealed.remove(at: index))
            }
            throw error.wal("seal a segment")
        } catch let error as WalError {
            throw error
        } catch {
            throw WalError(.io, "could not seal a segment: \(error)", path: segment.path)
        }
        catalog.withLock { catalog in
            catalog.unsealed.removeAll { $0 === segment }
            segment.segment.info.withLock {
                $0.state = .sealed
                $0.index = nil
                $0.summary = sealed.summary
                $0.fileSize = sealed.size
                $0.rawSize = sealed.size
            }
        }
        do { try segment.file.close() } catch { throw error.wal("close a sealed segment") }
        compressionIsDue()
        environment.notify(.sealed(base: LSN(segment.segment.base), path: segment.path))
        return true
    }

    private func seal(_ segment: WritableSegment) throws -> (summary: SegmentSummary, size: UInt64) {
        try segment.unpark(storage)
        let tally = segment.tally.isComplete ? segment.tally : try rescan(segment)
        let header = segment.header
        let end = segment.chain.offset
        // The sector in which the frames end is on stable storage.
        let start = options.padding.sectorEnd(end) <= header.framesLimit ? options.padding.sectorEnd(end) : end
        let (index, checksum) = tally.index.encode(salt: header.salt, offset: start)
        let footerOffset = start + UInt64(index.bytes.count)
        let footer = SegmentFooter(
            identity: header.identity, sequence: header.sequence, salt: header.salt, summary: tally.summary,
            endOfFrames: end, lastFrameChecksum: segment.chain.link, indexOffset: start, indexLength: index.bytes.count,
            indexChecksum: checksum, sealed: environment.now())
        try segment.file.write(index, at: start)
        try segment.file.write(footer.encode(offset: footerOffset), at: footerOffset)
        try segment.file.sync()
        // Readers map no further than the end of the frames: the cut takes nothing from under them.
        let size = footerOffset + UInt64(Layout.footerSize)
        try segment.file.truncate(size)
        try segment.file.sync()
        return (tally.summary, size)
    }

    /// Reads the frames again, for a segment that was found at open and not counted while it was written.
    private func rescan(_ segment: WritableSegment) throws -> SegmentTally {
        let window = ByteWindow(segment.file, limit: segment.chain.offset)
        var chain = FrameChain(segment.header)
        var tally = SegmentTally(spacing: segment.header.indexSpacing)
        while chain.offset < segment.chain.offset {
            guard case .whole(let frame, let body) = try chain.check(window),
                tally.add(frame, at: chain.offset, body: body) != nil
            else {
                let error = WalError(
                    .corrupted, "a frame is damaged; \(RecoveryScan.advice)", path: segment.path, offset: chain.offset,
                    lsns: LSN(chain.nextLSN)...LSN(max(chain.nextLSN, segment.chain.lsn)))
                try giveUp(segment, error)
            }
            chain.accept(frame)
        }
        let end = chain.mark(in: segment.segment.base)
        guard end.offset == segment.chain.offset, end.lsn == segment.chain.lsn, end.link == segment.chain.link else {
            // The next header says something else of this segment than its frames do: one of the two was replaced.
            let error = WalError(
                .corrupted, "the segment does not end as the next one says; \(RecoveryScan.advice)", path: segment.path,
                offset: end.offset, lsns: LSN(segment.segment.base)...LSN(max(segment.segment.base, end.lsn)))
            try giveUp(segment, error)
        }
        return tally
    }

    /// Leaves a damaged segment unsealed: its readers hear of the damage themselves.
    private func giveUp(_ segment: WritableSegment, _ error: WalError) throws -> Never {
        catalog.withLock { catalog in catalog.unsealed.removeAll { $0 === segment } }
        environment.notify(.corruption(error))
        try segment.file.close()
        throw error
    }
}
