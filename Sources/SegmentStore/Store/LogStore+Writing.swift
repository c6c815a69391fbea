import Synchronization
import WalPlatform

extension LogStore {
    /// Writes of this size begin on a page boundary.
    private static let largeWrite = 32 << 10

    /// Finishes the frames of a closed block and writes them, rolling as needed.
    ///
    /// Throws `diskFull` if there is no room, or another error if a segment that is needed can't be made now: the frames not
    /// yet written stay in the block, and the same call goes on with them when it can. After any other error the store has failed.
    package func write(_ block: StagingBlock) throws(WalError) {
        try checkUsable()
        let first = block.frames.first?.firstLSN ?? block.lastLSN
        guard first <= block.lastLSN, block.lastLSN <= LSN.max.rawValue else {
            throw WalError(.lsnOverflow, "no LSN is left below \(LSN.max)", path: directory)
        }
        while block.framesWritten < block.frames.count {
            guard let active = writer.active else { throw WalError(.closed, "the log is closed", path: directory) }
            let count = writer.mustRoll ? 0 : fitting(block, in: active)
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

    var padding: Padding { environment.flaws.contains(.skipsPadding) ? .none : options.padding }

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
        var filler: Filler?
        if let stuck = writer.stuck, stuck.isNext(block, start..<start + count, in: active) {
            // Some of it may be in the file, and read: the same bytes go to the same place.
            (mark, filler, writer.headers) = (stuck.end, stuck.filler, stuck.headers)
        } else {
            finish(block, start..<start + count, first: first, salt: active.header.salt, mark: &mark)
            filler = self.filler(in: active, &mark)
        }
        do throws(StorageError) {
            try write(
                UnsafeRawBufferPointer(start: block.base + first, count: length), at: active.chain.offset, to: active)
            if let filler { try active.file.write(filler.bytes, at: active.chain.offset + UInt64(length)) }
        } catch {
            guard error.isNoSpace else { throw poison(error, "write events") }
            hasSuspectTail.store(true, ordering: .relaxed)
            writer.stuck = StuckGroup(
                block: block, frames: start..<start + count, place: active.chain, end: mark, headers: writer.headers,
                filler: filler)
            throw error.wal("write events")
        }
        if writer.stuck != nil { writer.stuck = nil }
        for index in 0..<count {
            let staged = block.frames[start + index]
            active.tally.add(
                writer.headers[index], at: active.chain.offset + UInt64(staged.start - first), staged)
        }
        if let filler { active.tally.add(filler: filler.header) }
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

    /// What fills the sector behind the frames that are written, so that no later write touches it.
    private func filler(in active: WritableSegment, _ mark: inout Mark) -> Filler? {
        let end = padding.end(behind: mark.offset)
        guard end > mark.offset else { return nil }
        let (header, bytes) = FrameHeader.filler(through: end, behind: mark, salt: active.header.salt) { header in
            header.watermark = durableLSN
            header.time = environment.now()
        }
        mark.offset = end
        mark.link = header.checksum
        return Filler(header: header, bytes: bytes)
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
}
