import Synchronization
import WalPlatform

extension LogStore {
    /// How many rolled segments may wait to be settled before the writer has to.
    static let unsettledMax = 8
    /// Writes of this size begin on a page boundary.
    private static let largeWrite = 32 << 10

    /// Finishes the frames of a closed block and writes them, rolling as needed.
    ///
    /// Throws `diskFull` if there is no room, or another error if a segment that is needed can't be made now: the frames not
    /// yet written stay in the block, and the same call goes on with them when it can. After any other error the store has failed.
    package func write(_ block: StagingBlock) throws(WalError) {
        try checkUsable()
        while block.framesWritten < block.frames.count {
            guard let active = writer.active else { throw WalError(.closed, "the log is closed", path: directory) }
            let count = fitting(block, in: active)
            if count == 0 {
                guard !active.isEmpty else {
                    // The layer above checks every unit against `largestUnit`: a bug of ours, which must not roll for ever.
                    throw WalError(.tooLarge, "a frame is larger than a segment can hold", path: active.path)
                }
                try roll(active)
                continue
            }
            try write(block, count: count, to: active)
        }
    }

    private var padding: Padding { environment.flaws.contains(.skipsPadding) ? .none : options.padding }

    /// How many of the block's next frames fit the active segment.
    private func fitting(_ block: StagingBlock, in active: WritableSegment) -> Int {
        let limit = padding.limit(active.header.framesLimit)
        var end = active.chain.offset
        // Of a life without padding, or before a stop that cut a write short: the sector it ends in may be on stable storage.
        guard padding.sectorEnd(end) == end else { return 0 }
        var count = 0
        for frame in block.frames[block.framesWritten...] {
            end += UInt64(frame.size)
            if padding.end(behind: end) > limit { break }
            count += 1
        }
        return count
    }

    private func write(_ block: StagingBlock, count: Int, to active: WritableSegment) throws(WalError) {
        let start = block.framesWritten
        let first = block.frames[start].start
        let last = block.frames[start + count - 1]
        let length = last.start + last.size - first
        var mark = active.chain
        var filler: FrameHeader?
        finish(block, start..<start + count, first: first, salt: active.header.salt, mark: &mark)
        do throws(StorageError) {
            try write(
                UnsafeRawBufferPointer(start: block.base + first, count: length), at: active.chain.offset, to: active)
            filler = try pad(active, &mark)
        } catch {
            if error.isNoSpace {
                hasSuspectTail.store(true, ordering: .relaxed)
                throw error.wal("write events")
            }
            throw poison(error, "write events")
        }
        for index in 0..<count {
            let staged = block.frames[start + index]
            active.tally.add(
                writer.headers[index], at: active.chain.offset + UInt64(staged.start - first), staged)
        }
        if let filler { active.tally.add(filler: filler) }
        let size = mark.offset - active.chain.offset
        active.chain = mark
        active.publish()
        block.framesWritten += count
        _ = unsynced.wrappingAdd(size, ordering: .relaxed)
        activeOffset.store(mark.offset, ordering: .relaxed)
        // Readers take the end of their snapshot from here, and only then look at how far the segment goes.
        catalog.withLock { _ in active.publishMark() }
        if let time = writer.headers.last?.time { lastFrameTime.store(time, ordering: .relaxed) }
        written.store(mark.lsn, ordering: .releasing)
    }

    /// Writes the headers of frames that now have a place.
    private func finish(_ block: StagingBlock, _ range: Range<Int>, first: Int, salt: UInt64, mark: inout Mark) {
        writer.headers.removeAll(keepingCapacity: true)
        let watermark = environment.flaws.contains(.stampsWrittenLSN) ? mark.lsn : durableLSN
        for staged in block.frames[range] {
            let address = block.base + staged.start
            let seed = FrameHeader.seed(salt: salt, offset: mark.offset)
            let body = FrameHeader.bodyChecksum(
                at: address + Layout.frameHeaderSize, length: staged.bodyLength, seed: seed)
            var header = FrameHeader(
                bodyLength: staged.bodyLength, eventCount: staged.eventCount, firstLSN: staged.firstLSN,
                watermark: watermark, time: environment.now(), incarnation: writer.incarnation, epoch: writer.epoch,
                link: mark.link,
                bodyChecksum: body)
            header.checksum = header.encode(at: address, seed: seed)
            precondition(staged.firstLSN == mark.lsn + 1, "frames reach the file in the order of their LSNs")
            mark.lsn = staged.lastLSN
            mark.offset += UInt64(staged.size)
            mark.link = header.checksum
            mark.epoch = writer.epoch
            mark.incarnation = writer.incarnation
            writer.headers.append(header)
        }
    }

    /// Fills the sector behind the frames just written, so that no later write touches it. Returns what was added to the chain.
    private func pad(_ active: WritableSegment, _ mark: inout Mark) throws(StorageError) -> FrameHeader? {
        let end = padding.end(behind: mark.offset)
        guard end > mark.offset else { return nil }
        let (header, bytes) = FrameHeader.filler(through: end, behind: mark, salt: active.header.salt) { header in
            header.watermark = durableLSN
            header.time = environment.now()
        }
        try active.file.write(bytes, at: mark.offset)
        mark.offset = end
        mark.link = header.checksum
        return header
    }

    /// Writes the bytes of whole frames. A large write begins on a page boundary: the identical bytes of the partly filled
    /// page before it are sent again, which the file system takes much faster than an unaligned write.
    private func write(
        _ bytes: UnsafeRawBufferPointer, at offset: UInt64, to active: WritableSegment
    ) throws(StorageError) {
        let partial = Int(offset % UInt64(Layout.blockSize))
        // In a log that pads, the page before may be on stable storage in part.
        if padding == .none, bytes.count >= Self.largeWrite, partial > 0,
            writer.tailPageOffset == offset - UInt64(partial),
            let base = bytes.baseAddress
        {
            // Every block has a page of room before its base (StagingBlock.headroom).
            let start = UnsafeMutableRawPointer(mutating: base) - partial
            start.copyMemory(from: writer.tailPage, byteCount: partial)
            try active.file.write(
                at: offset - UInt64(partial), UnsafeRawBufferPointer(start: start, count: partial + bytes.count))
        } else {
            try active.file.write(at: offset, bytes)
        }
        keepTailPage(bytes, at: offset)
    }

    private func keepTailPage(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {
        let page = UInt64(Layout.blockSize)
        let end = offset + UInt64(bytes.count)
        let pageStart = end - end % page
        let tail = Int(end - pageStart)
        guard let base = bytes.baseAddress else { return }
        if pageStart >= offset {
            writer.tailPage.copyMemory(from: base + (bytes.count - tail), byteCount: tail)
            writer.tailPageOffset = pageStart
        } else if writer.tailPageOffset == pageStart {
            (writer.tailPage + Int(offset - pageStart)).copyMemory(from: base, byteCount: bytes.count)
        } else {
            writer.tailPageOffset = nil
        }
    }

    // MARK: Rolling

    /// Starts a new segment, unless the active one has no frames; returns whether it did.
    package func rotate() throws(WalError) -> Bool {
        try checkUsable()
        guard let active = writer.active else { throw WalError(.closed, "the log is closed", path: directory) }
        guard !active.isEmpty else { return false }
        try roll(active)
        return true
    }

    /// Gives the spare a header and the name of its first LSN; frames follow at once. Nothing is synced here: `sync` lets
    /// durableLSN pass the end of the old segment only when both and the name are on stable storage.
    private func roll(_ old: WritableSegment) throws(WalError) {
        if catalog.withLock({ $0.unsettled.count }) >= Self.unsettledMax { try sync() }
        let base = old.chain.lsn + 1
        let target = path(FileNames.segment(base: base))
        let next = try spare.withLock { (spare) throws(WalError) -> WritableSegment in
            if spare == nil { spare = try makeSpare() }
            guard let ready = spare else { throw WalError(.io, "there is no spare segment", path: directory) }
            var header = maker.header(
                identity: identity, sequence: old.header.sequence + 1, base: base, epoch: writer.epoch,
                incarnation: writer.incarnation,
                watermark: durableLSN, predecessor: old.asPredecessor)
            header.segmentSize = ready.size
            let block = header.encode()
            do throws(StorageError) {
                try ready.file.write(block, at: 0)
                // A spoilt header block under a segment's name would look like a foreign file.
                if padding != .none { try ready.file.sync() }
            } catch {
                // Where there is no room the spare stays the spare, and a later try writes its header block again. Else it
                // goes: nothing is in it, and another may come to lie where the disk is well.
                if !error.isNoSpace {
                    spare = nil
                    dropSpare(ready.file)
                }
                throw error.wal("write a segment's header")
            }
            let segment = Segment(base: base, sequence: header.sequence, directory: directory, state: .active)
            let next = WritableSegment(
                segment: segment, header: header, file: ready.file, at: Mark(startOf: header),
                tally: SegmentTally(spacing: header.indexSpacing))
            do throws(StorageError) {
                try catalog.withLock { (catalog) throws(StorageError) in
                    try storage.rename(path(FileNames.spare), to: target)
                    old.segment.info.withLock {
                        $0.state = .rolled
                        $0.end = old.chain.offset
                    }
                    catalog.segments.append(segment)
                    catalog.unsettled.append(old)
                    catalog.active = next
                }
            } catch {
                // Were the name there after all, events that still fit the old segment would be lost behind it.
                if error.isNoSpace, isUnnamed(target) { throw error.wal("name a new segment") }
                throw poison(error, "name a new segment")
            }
            spare = nil
            return next
        }
        writer.active = next
        writer.tailPageOffset = nil
        activeOffset.store(next.chain.offset, ordering: .relaxed)
        hasRolled.store(true, ordering: .relaxed)
        environment.notify(.rolled(base: LSN(base), path: target))
    }

    /// Whether a failed rename certainly did nothing.
    private func isUnnamed(_ target: String) -> Bool {
        guard let names = try? storage.list(directory) else { return false }
        return names.contains(FileNames.spare) && !names.contains { path($0) == target }
    }

    /// Makes a spare that is allocated only. Under the lock of the spare.
    func makeSpare() throws(WalError) -> SpareSegment {
        do throws(StorageError) {
            let file = try storage.createAfresh(path(FileNames.spare))
            do throws(StorageError) {
                if options.preallocation != .growing { try file.allocate(options.segmentSize) }
                try file.sync()
            } catch {
                dropSpare(file)
                throw error
            }
            return SpareSegment(file: file, size: options.segmentSize)
        } catch {
            throw error.wal("prepare the next segment")
        }
    }

    /// No use can be made of half a spare. What matters is why it could not be made, not whether it can be cleared away: the
    /// next one takes its name over.
    func dropSpare(_ file: any StorageFile) {
        do { try file.close() } catch {}
        do { try storage.unlink(path(FileNames.spare)) } catch {}
    }
}
