import WalPlatform

extension SegmentMaker {
    /// A copy of the beginning of a segment, on stable storage under a temporary name.
    package struct Prefix: Sendable {
        package var file: any StorageFile
        package var header: SegmentHeader
        /// Where its frames end; its LSN is lower than asked for if the original has a damaged frame before that.
        package var end: Mark
        package var tally: SegmentTally
        package var temporary: String
        /// The name it is to get.
        package var target: String
    }

    /// Copies a segment's frames up to an event, under a new salt: no frame behind the cut can ever come back. A frame that
    /// goes on behind it is written with fewer events. Kept frames keep their epoch and incarnation. In the place of damaged
    /// frames whose events were all truncated away come events without a payload, so that the LSNs stay dense.
    ///
    /// - Parameter firstKept: the oldest event that is the log's.
    package func copyPrefix(
        of original: SegmentHeader, from source: any StorageFile, firstKept: UInt64, through last: UInt64
    ) throws(StorageError) -> Prefix {
        var header = original
        if !environment.flaws.contains(.keepsSaltOfCutSegment) { header.salt = environment.random() }
        if last < original.firstLSN {
            // An empty segment must be able to hold what the log takes now.
            header.segmentSize = options.segmentSize
            header.indexSpacing = options.indexSpacing
        }
        header.checksum = 0
        let block = header.encode()
        let target = directory + "/" + FileNames.segment(base: original.firstLSN)
        let temporary = target + FileNames.temporarySuffix
        let file = try storage.createAfresh(temporary)
        do throws(StorageError) {
            if options.preallocation != .growing { try file.allocate(header.segmentSize) }
            try file.write(block, at: 0)
            var copy = PrefixCopy(header, to: file)
            let limit = min(try source.size(), original.framesLimit)
            // Of a compressed segment the unpacked blocks are used where they are.
            let window =
                if let packed = source as? CompressedSegmentFile {
                    ByteWindow(packed, ReadAhead(spawn: nil), limit: limit)
                } else { ByteWindow(source, limit: limit, gate: largeFrames) }
            var old = FrameChain(original)
            while old.nextLSN <= last {
                let check = try old.check(window)
                if case .whole(let frame, let body) = check, try copy.add(frame, body: body, through: last) {
                    old.accept(frame)
                } else {
                    guard let next = try old.frame(behindDamage: check, window, notAbove: min(firstKept, last + 1)),
                        try copy.addStandIns(before: next, through: last)
                    else { break }
                    old = FrameChain(original, at: next.entry)
                }
            }
            copy.pad(options.padding, limit: header.framesLimit, time: environment.now())
            try copy.flush()
            if !environment.flaws.contains(.replacesWithoutSync) { try file.sync() }
            return Prefix(
                file: file, header: header, end: copy.chain.mark(in: header.firstLSN), tally: copy.tally,
                temporary: temporary, target: target)
        } catch {
            discard(file, temporary)
            throw error
        }
    }

    /// Removes a copy that is not needed after all. What matters is why; the next open removes what is left.
    package func discard(_ file: any StorageFile, _ temporary: String) {
        do { try file.close() } catch {}
        do { try storage.unlink(temporary) } catch {}
    }
}

/// Frames on their way into another segment: collected, and written some at a time.
private struct PrefixCopy: ~Copyable {
    private static let chunk = 256 << 10

    private let file: any StorageFile
    private let salt: UInt64
    private var bytes: [UInt8] = []
    private var written: UInt64
    private(set) var chain: FrameChain
    private(set) var tally: SegmentTally

    init(_ header: SegmentHeader, to file: any StorageFile) {
        self.file = file
        salt = header.salt
        chain = FrameChain(header)
        written = chain.offset
        tally = SegmentTally(spacing: header.indexSpacing)
    }

    /// Adds a frame, without its events behind `last`; false if its records can't be decoded.
    mutating func add(
        _ original: FrameHeader, body: UnsafeRawPointer, through last: UInt64
    ) throws(StorageError) -> Bool {
        var frame = original
        if frame.eventCount > 0, frame.nextLSN > last + 1 {
            let count = Int(last - frame.firstLSN) + 1
            guard let length = bodyLength(of: count, in: frame, body) else { return false }
            frame.eventCount = count
            frame.bodyLength = length
        }
        frame.link = chain.link ?? 0
        let offset = chain.offset
        let seed = FrameHeader.seed(salt: salt, offset: offset)
        // The padding behind a body that was shortened is not in the original.
        let whole = frame.bodyLength & ~7
        var rest = Block(size: Layout.aligned(frame.bodyLength) - whole)
        rest.store(Array(UnsafeRawBufferPointer(start: body + whole, count: frame.bodyLength - whole)), at: 0)
        let checksum = CRC32C.checksum(UnsafeRawBufferPointer(start: body, count: whole), seed: seed)
        frame.bodyChecksum = rest.bytes.withUnsafeBytes { CRC32C.checksum($0, seed: checksum) }
        var header = Block(size: Layout.frameHeaderSize)
        header.withUnsafeMutableBytes { bytes in
            // A block of a header's size has a base address.
            if let base = bytes.baseAddress { frame.checksum = frame.encode(at: base, seed: seed) }
        }
        guard tally.add(frame, at: offset, body: body) != nil else { return false }
        chain.accept(frame)
        bytes.append(contentsOf: header.bytes)
        let contents = UnsafeRawBufferPointer(start: body, count: whole)
        if whole <= Self.chunk {
            bytes.append(contentsOf: contents)
        } else {
            // From where it was read to: a large event is not held twice.
            try flush()
            try file.write(at: written, contents)
            written += UInt64(whole)
        }
        bytes.append(contentsOf: rest.bytes)
        if bytes.count >= Self.chunk { try flush() }
        return true
    }

    /// Adds events without a payload up to a frame.
    mutating func addStandIns(before next: LostFrames, through last: UInt64) throws(StorageError) -> Bool {
        let mark = chain.mark(in: 0)
        let count = Int(next.entry.lsn - chain.nextLSN)
        guard count > 0 else { return true }
        // A payload of no bytes is a head of zeros.
        let body = [UInt8](repeating: 0, count: Layout.aligned(count * Record.plainSize(payload: 0)))
        let frame = FrameHeader(
            bodyLength: count * Record.plainSize(payload: 0), eventCount: count, firstLSN: chain.nextLSN,
            watermark: mark.lsn, time: next.time, incarnation: mark.incarnation, epoch: mark.epoch, link: mark.link,
            bodyChecksum: 0)
        var isWhole = false
        try body.span.bytes.withUnsafeBytes { (buffer) throws(StorageError) in
            guard let address = buffer.baseAddress else { return }
            isWhole = try add(frame, body: address, through: last)
        }
        return isWhole
    }

    /// Fills up the sector in which the copy ends: the next frame goes into another one.
    mutating func pad(_ padding: Padding, limit: UInt64, time: Int64) {
        let mark = chain.mark(in: 0)
        let end = padding.end(behind: mark.offset)
        guard end > mark.offset, end <= limit else { return }
        let (frame, block) = FrameHeader.filler(through: end, behind: mark, salt: salt) { $0.time = time }
        bytes += block.bytes
        tally.add(filler: frame)
        chain.accept(frame)
    }

    private func bodyLength(of count: Int, in frame: FrameHeader, _ body: UnsafeRawPointer) -> Int? {
        var run = RecordRun(
            position: body, end: body + frame.bodyLength, count: frame.eventCount, firstLSN: frame.firstLSN,
            time: frame.time)
        for _ in 0..<count { guard run.next() != nil else { return nil } }
        return run.position - body
    }

    mutating func flush() throws(StorageError) {
        guard !bytes.isEmpty else { return }
        try bytes.span.bytes.withUnsafeBytes { (buffer) throws(StorageError) in try file.write(at: written, buffer) }
        written += UInt64(bytes.count)
        bytes.removeAll(keepingCapacity: true)
    }
}
