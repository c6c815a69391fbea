import Synchronization
import WalPlatform

extension LogStore {
    /// How far back the last frame is looked for; what a frame of merged appends can take, and some.
    private static let lastFrameReach: UInt64 = 128 << 10

    /// The newest time of a frame of a segment; nil if it has none, or if it can't be told.
    ///
    /// Of a sealed segment the footer tells it, of one that was begun and finished while the log is open, memory. Of another one
    /// that is not sealed yet its last frame does, or else the header of the next segment, which is made when the last frame
    /// has been written: at most three reads, the first time.
    ///
    /// - Parameter next: the segment behind it; nil of the active one.
    func newestFrameTime(of segment: Segment, before next: Segment?) throws(WalError) -> Int64? {
        let (state, known) = segment.info.withLock { ($0.state, $0.newestFrameTime) }
        if state == .sealed {
            let summary = try facts(of: segment)?.summary
            return summary.flatMap { $0.eventCount > 0 ? $0.newestFrameTime : nil }
        }
        guard let next else { return try newestFrameTimeOfActive(segment) }
        if let known { return known }
        let counted = catalog.withLock { catalog in
            (catalog.unsettled + catalog.unsealed).first { $0.segment === segment }.flatMap { writable in
                writable.tally.isComplete ? writable.tally.summary.newestFrameTime : nil
            }
        }
        if let counted { return counted }
        let read = try readNewestFrameTime(of: segment, before: next)
        segment.info.withLock { $0.newestFrameTime = read }
        return read
    }

    /// Of the frame written last, which tells best what the clock says lately.
    private func newestFrameTimeOfActive(_ segment: Segment) throws(WalError) -> Int64? {
        let known = lastFrameTime.load(ordering: .relaxed)
        if known != .min { return known }
        let end: (offset: UInt64, link: UInt32)?
        if options.readOnly {
            let chain = syncState.withLock { $0.tail?.chain }
            end = chain.flatMap { chain in chain.link.map { (chain.offset, $0) } }
        } else {
            let mark = catalog.withLock { $0.active?.publishedMark }
            end = mark.map { ($0.offset, $0.link) }
        }
        guard let end, let time = try lastFrame(of: segment, endingAt: end.offset, checksum: end.link)?.time else {
            return nil
        }
        // Until the next frame is written.
        if !options.readOnly { _ = lastFrameTime.compareExchange(expected: .min, desired: time, ordering: .relaxed) }
        return time
    }

    private func readNewestFrameTime(of segment: Segment, before next: Segment) throws(WalError) -> Int64? {
        let headers = HeaderReader(storage: storage, directory: directory)
        do throws(WalError) {
            guard case .intact(let header) = try headers.read(next, identity: identity),
                header.predecessor.sequence == segment.sequence
            else { return nil }
            let end = header.predecessor
            let last = try lastFrame(of: segment, endingAt: end.endOfFrames, checksum: end.lastFrameChecksum)
            return last?.time ?? header.created
        } catch {
            // Gone meanwhile, or damaged: readers and verification say so.
            guard error.isOfDamage || error.code == .notFound || error.code == .truncated else { throw error }
            return nil
        }
    }

    /// The frame that ends at an offset and bears a checksum, if it is no longer than most.
    private func lastFrame(
        of segment: Segment, endingAt end: UInt64, checksum: UInt32
    ) throws(WalError) -> FrameHeader? {
        let start = UInt64(Layout.blockSize)
        guard end >= start + UInt64(Layout.frameHeaderSize), end % 8 == 0 else { return nil }
        let headers = HeaderReader(storage: storage, directory: directory)
        let file: any StorageFile
        do throws(StorageError) {
            file = try headers.open(segment)
        } catch {
            guard error.isNotFound || error.damage != nil else { throw error.wal("open a segment") }
            return nil
        }
        defer { headers.close(file) }
        guard case .intact(let header) = try headers.read(file, path: segment.path, identity: identity) else {
            return nil
        }
        let first = max(start, end - min(end - start, Self.lastFrameReach))
        do throws(StorageError) {
            guard let block = try file.readBlock(at: first, size: Int(end - first)) else { return nil }
            return Self.lastFrame(in: block, from: first, checksum: checksum, salt: header.salt)
        } catch {
            guard error.damage != nil else { throw error.wal("read a segment") }
            return nil
        }
    }

    private static func lastFrame(in block: Block, from first: UInt64, checksum: UInt32, salt: UInt64) -> FrameHeader? {
        let count = block.bytes.count
        return block.bytes.span.bytes.withUnsafeBytes { bytes -> FrameHeader? in
            guard let base = bytes.baseAddress else { return nil }
            var position = count - Layout.frameHeaderSize
            while position >= 0 {
                let place = base + position
                if place.load(0, as: UInt32.self) == checksum, place.load(4, as: UInt16.self) == FrameHeader.magic,
                    let frame = FrameHeader(
                        at: place, seed: FrameHeader.seed(salt: salt, offset: first + UInt64(position))),
                    position + frame.size == count
                {
                    return frame
                }
                position -= 8
            }
            return nil
        }
    }
}
