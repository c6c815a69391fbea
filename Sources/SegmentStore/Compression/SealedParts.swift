/// Header, footer and index of a raw sealed segment, for it to be compressed. Header and footer must be intact; the index, which
/// a crash while the segment was being sealed can have spoilt, is made again if need be.
struct SealedParts {
    let header: SegmentHeader
    let footer: SegmentFooter
    let index: SparseIndex
    let size: UInt64

    init(_ file: any StorageFile, path: String, headers: HeaderReader, identity: LogIdentity) throws(WalError) {
        guard case .intact(let header) = try headers.read(file, path: path, identity: identity) else {
            throw Self.damage(path, offset: 0, "the header block is damaged")
        }
        let size = try attempt("read a segment's size") { () throws(StorageError) in try file.size() }
        guard let footer = try headers.footer(file), footer.identity == identity,
            footer.sequence == header.sequence, footer.salt == header.salt
        else { throw Self.damage(path, offset: size, "the footer is damaged, so it can't be compressed") }
        // Before memory is taken for what it says.
        let reserve = Layout.sealReserve(segmentSize: header.segmentSize, indexSpacing: header.indexSpacing)
        guard size <= Layout.segmentSizeMax, footer.endOfFrames > UInt64(Layout.blockSize),
            UInt64(footer.indexLength) <= reserve
        else {
            throw Self.damage(path, offset: size, "the footer is impossible, so it can't be compressed")
        }
        let block = try attempt("read a segment's index") { () throws(StorageError) in
            try file.readBlock(at: footer.indexOffset, size: footer.indexLength)
        }
        if let block, let intact = SparseIndex(block, salt: header.salt, offset: footer.indexOffset) {
            index = intact
        } else {
            index = try Self.derivedIndex(file, header, footer, path: path)
        }
        self.header = header
        self.footer = footer
        self.size = size
    }

    private static func derivedIndex(
        _ file: any StorageFile, _ header: SegmentHeader, _ footer: SegmentFooter, path: String
    ) throws(WalError) -> SparseIndex {
        let window = ByteWindow(file, limit: footer.endOfFrames)
        var chain = FrameChain(header)
        var tally = SegmentTally(spacing: header.indexSpacing)
        while chain.offset < footer.endOfFrames {
            let check = try attempt("read a segment") { () throws(StorageError) in try chain.check(window) }
            guard case .whole(let frame, let body) = check, tally.add(frame, at: chain.offset, body: body) != nil else {
                throw damage(
                    path, offset: chain.offset, "a frame is damaged, so it can't be compressed",
                    LSN(chain.nextLSN)...LSN(chain.nextLSN))
            }
            chain.accept(frame)
        }
        return tally.index
    }

    /// Where blocks end: the header block alone; then frames, up to the first index entry at or behind `blockSize` bytes; then index
    /// and footer alone.
    func blockEnds(blockSize: UInt64) -> [UInt64] {
        var ends = [UInt64(Layout.blockSize)]
        for entry in index.entries where entry.offset >= ends[ends.count - 1] + blockSize {
            if entry.offset < footer.endOfFrames { ends.append(entry.offset) }
        }
        return ends + [footer.endOfFrames, size]
    }

    static func damage(_ path: String, offset: UInt64, _ what: String, _ lsns: ClosedRange<LSN>? = nil) -> WalError {
        WalError(.corrupted, "\(what); \(RecoveryScan.advice)", path: path, offset: offset, lsns: lsns)
    }
}

/// Makes a dictionary from the events of a segment.
struct DictionaryTrainer {
    /// Training takes time in proportion to the samples, and is one call that can't be cut into slices.
    private static let samplesMax = 2 << 20
    private static let sampleMax = 64 << 10

    private let window: ByteWindow
    private let parts: SealedParts

    init(_ window: ByteWindow, _ parts: SealedParts) {
        self.window = window
        self.parts = parts
    }

    /// Nil if the events don't give one.
    func train(_ capacity: Int) throws(WalError) -> [UInt8]? {
        let budget = min(capacity * 100, Self.samplesMax)
        var samples: [UInt8] = []
        var sizes: [Int] = []
        let entries = parts.index.entries
        guard !entries.isEmpty else { return nil }
        // From all over the segment, frame by frame from each index entry.
        let share = max(budget / entries.count, 16 << 10)
        let stride = max(1, entries.count * share / budget)
        for number in Swift.stride(from: 0, to: entries.count, by: stride) where samples.count < budget {
            let stop = samples.count + share
            var chain = FrameChain(parts.header, at: entries[number])
            while samples.count < stop, chain.offset < parts.footer.endOfFrames {
                let check = try attempt("read a segment") { () throws(StorageError) in try chain.check(window) }
                guard case .whole(let frame, let body) = check else { break }
                var run = RecordRun(
                    position: body, end: body + frame.bodyLength, count: frame.eventCount, firstLSN: frame.firstLSN,
                    time: frame.time)
                while samples.count < stop, let view = run.next() {
                    guard view.payload.count >= 8 else { continue }
                    samples.append(contentsOf: view.payload.prefix(Self.sampleMax))
                    sizes.append(min(view.payload.count, Self.sampleMax))
                }
                chain.accept(frame)
            }
        }
        guard sizes.count >= 8 else { return nil }
        return Zstd.train(samples, sizes: sizes, capacity: capacity)
    }
}
