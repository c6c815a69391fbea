import Synchronization
import WalPlatform

extension LogStore {
    /// How many segments may wait to be sealed before the writer does its part.
    package static let unsealedMax = 16
    /// How many segments may be left unsealed by an orderly close.
    package static let unsealedAtEndMax = 8
    /// How many bytes an orderly close reads of segments that were found unsealed at open, but for the rest of the last one.
    static let scannedAtEndMax: UInt64 = 256 << 20

    /// Settles and seals what has been rolled, a step at a time, for somebody who can't wait for the background; returns false if
    /// nothing is left that can be sealed.
    ///
    /// - Parameter scans: whether to read those again that were found at open, a slice at a time, so that they can be.
    package func sealNow(scans: Bool = true) throws(WalError) -> Bool {
        let isDone = try maintenanceLock.withLock { () throws(WalError) -> Bool in
            try checkUsable()
            if syncState.withLock({ $0.isClosed }) { return false }
            if unsettledCount > 0 {
                try sync()
                return true
            }
            return try sealNext()
        }
        if isDone || !scans { return isDone }
        return try workLock.withLock { () throws(WalError) in try scan() }
    }

    /// Seals one segment for the writer, which has rolled faster than the background seals. The caller holds `maintenanceLock`.
    ///
    /// An error concerns that segment alone unless `failure` is set after it; the background tries it again.
    package func catchUpWithSealing() throws(WalError) {
        try checkUsable()
        // Not again before there is one more: it might fail the same way.
        isSealingOverdue.store(false, ordering: .relaxed)
        if syncState.withLock({ $0.isClosed }) { return }
        _ = try sealNext()
    }

    /// Seals what has been rolled until no more than `unsealedAtEndMax` are left, before the log is closed in order: a program that
    /// never runs for long would leave ever more of them.
    ///
    /// Of those that were found at open, which must be read first, it begins none once it has read `scannedAtEndMax`.
    ///
    /// - Parameter goesOn: looked at before each step.
    package func sealAtEnd(goesOn: () -> Bool) throws(WalError) {
        if hasUnfinishedCut { return }
        var scanned: UInt64 = 0
        var failures: [WalError] = []
        while unsealedCount > Self.unsealedAtEndMax, failures.count < Self.unsealedAtEndMax, goesOn() {
            do throws(WalError) {
                if try sealNow(scans: false) { continue }
                let hasMore = try workLock.withLock { () throws(WalError) in
                    guard worker.scan != nil || scanned < Self.scannedAtEndMax else { return false }
                    return try scan()
                }
                guard hasMore else { break }
                scanned += Self.scanSlice
            } catch {
                if failure != nil { throw error }
                // One that can't be sealed now must not keep the others from it.
                failures.append(error)
            }
        }
        if let first = failures.first { throw first }
    }

    /// The caller holds the lock of the catalogue.
    func noteSealing(_ catalog: Catalog) {
        isSealingOverdue.store(catalog.unsealed.count > Self.unsealedMax, ordering: .relaxed)
    }

    /// Gives the oldest settled segment of which all is known its index and footer, and cuts off the space behind them.
    func sealNext() throws(WalError) -> Bool {
        guard let segment = catalog.withLock({ $0.unsealed.first { $0.tally.isComplete } }) else { return false }
        let sealed: (summary: SegmentSummary, size: UInt64)
        do {
            sealed = try seal(segment)
        } catch let error as StorageError {
            moveBehind(segment)
            throw error.wal("seal a segment")
        } catch let error as WalError {
            throw error
        } catch {
            throw WalError(.io, "could not seal a segment: \(error)", path: segment.path)
        }
        catalog.withLock { catalog in
            catalog.unsealed.removeAll { $0 === segment }
            noteSealing(catalog)
            segment.segment.info.withLock {
                $0.state = .sealed
                $0.index = nil
                $0.summary = sealed.summary
                $0.fileSize = sealed.size
                $0.rawSize = sealed.size
            }
        }
        do { try segment.file.close() } catch { throw error.wal("close a sealed segment") }
        compressionIsDue.store(true, ordering: .sequentiallyConsistent)
        environment.notify(.sealed(base: LSN(segment.segment.base), path: segment.path))
        return true
    }

    private func seal(_ segment: WritableSegment) throws -> (summary: SegmentSummary, size: UInt64) {
        try segment.unpark(storage)
        let tally = segment.tally
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
}
