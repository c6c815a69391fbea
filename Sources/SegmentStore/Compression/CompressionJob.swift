import WalPlatform

/// Compressing one sealed segment, a slice at a time, into a file aside that takes its name only after it was read back.
///
/// Used by one thread at a time: whoever holds the store's `workLock`.
final class CompressionJob {
    enum Outcome {
        case more
        /// The file aside holds just what the raw one does, on stable storage.
        case finished
        case incompressible
    }

    /// How many raw bytes a step packs, if blocks are as small, and how many it reads back, which is faster. The end of the log
    /// waits for a step.
    private static let packedSlice = 128 << 10
    private static let comparedSlice = 512 << 10
    /// Larger blocks are packed piece by piece, so that what they pack to is not held in memory beside them.
    private static let wholeMax = 4 << 20
    private static let pieceSize = 1 << 20

    let segment: Segment
    let temporary: String
    /// Raw bytes done, of twice as many as there are: each is packed, and read back.
    private(set) var progress: UInt64 = 0
    let rawSize: UInt64

    private let storage: any Storage
    private let flaws: StoreFlaws
    private let largestRatio: Double
    private let raw: any StorageFile
    private let output: any StorageFile
    private let window: ByteWindow
    private let compressor: ZstdCompressor
    private let endOfFrames: UInt64
    private let lastFrameChecksum: UInt32
    /// The raw offsets at which blocks end.
    private let ends: [UInt64]
    private var chain: FrameChain
    private var table = SeekTable()
    private var view: CompressedSegmentFile?
    private var compared: UInt64 = 0
    private var isTableWritten = false

    /// The size of the compressed file, once that is finished.
    var fileSize: UInt64 { view?.fileSize ?? 0 }

    // MARK: Beginning

    /// Reads header, footer and index, trains a dictionary if one is asked for, and makes the file aside.
    init(_ segment: Segment, _ settings: Compression, _ store: LogStore) throws(WalError) {
        self.segment = segment
        storage = store.storage
        flaws = store.environment.flaws
        largestRatio = store.options.compressionRatioMax
        let path = segment.path
        temporary = segment.path(isCompressed: true) + FileNames.temporarySuffix
        let file = try attempt("open a segment") { () throws(StorageError) in try store.storage.open(path, .readOnly) }
        let headers = HeaderReader(storage: store.storage, directory: store.directory)
        var made: (any StorageFile)?
        do throws(WalError) {
            let sealed = try SealedParts(file, path: path, headers: headers, identity: store.identity)
            guard sealed.header.firstLSN == segment.base, sealed.header.sequence == segment.sequence else {
                throw SealedParts.damage(path, offset: 0, "the file holds another segment")
            }
            rawSize = sealed.size
            endOfFrames = sealed.footer.endOfFrames
            lastFrameChecksum = sealed.footer.lastFrameChecksum
            ends = sealed.blockEnds(blockSize: UInt64(max(settings.blockSize, 1)))
            window = ByteWindow(file, limit: sealed.size, gate: store.largeFrames)
            chain = FrameChain(sealed.header)
            var dictionary: [UInt8] = []
            if settings.dictionarySize > 0 {
                dictionary = try DictionaryTrainer(window, sealed).train(settings.dictionarySize) ?? []
                window.release()
            }
            guard let compressor = ZstdCompressor(level: settings.level, dictionary: dictionary) else {
                throw WalError(.io, "could not compress a segment: there is no memory for it", path: path)
            }
            self.compressor = compressor
            let target = temporary
            let output = try attempt("make a compressed segment") { () throws(StorageError) in
                try store.storage.createAfresh(target)
            }
            made = output
            self.output = output
            raw = file
            if !dictionary.isEmpty {
                try attempt("write a compressed segment") { () throws(StorageError) in
                    try write(dictionary: dictionary)
                }
            }
        } catch {
            headers.close(file)
            if let made { headers.close(made) }
            throw error
        }
    }

    private func write(dictionary: [UInt8]) throws(StorageError) {
        var block = Block(size: SeekTable.skippableHeaderSize + dictionary.count)
        block.store(SeekTable.dictionaryMagic, at: 0)
        block.store(UInt32(dictionary.count), at: 4)
        block.store(dictionary, at: SeekTable.skippableHeaderSize)
        try output.write(block, at: 0)
        _ = table.appendDictionary(fileSize: UInt64(block.bytes.count))
    }

    // MARK: Steps

    /// Does the next slice.
    func step() throws(WalError) -> Outcome {
        if table.blocks.count < ends.count {
            let stop = progress + UInt64(Self.packedSlice)
            while table.blocks.count < ends.count, progress < stop { try packBlock() }
            return .more
        }
        do throws(StorageError) {
            if !isTableWritten {
                let block = table.encode()
                guard Double(table.fileEnd) + Double(block.bytes.count) <= Double(rawSize) * largestRatio else {
                    return .incompressible
                }
                try output.write(block, at: table.fileEnd)
                if !flaws.contains(.renamesCompressedBeforeSync) { try output.sync() }
                isTableWritten = true
                return .more
            }
            if view == nil {
                view = try storage.openSegment(temporary, isCompressed: true) as? CompressedSegmentFile
            }
            return try compareSlice() ? .finished : .more
        } catch {
            throw error.wal("compress a segment")
        }
    }

    private func packBlock() throws(WalError) {
        // A truncation may wait for the memory while it holds locks that are taken next.
        defer { window.release() }
        let start = table.rawSize
        let count = Int(ends[table.blocks.count] - start)
        let bytes = try attempt("read a segment") { () throws(StorageError) in
            try window.bytes(at: start, count: count)
        }
        guard let bytes else { throw SealedParts.damage(segment.path, offset: start, "the file has become shorter") }
        if start >= UInt64(Layout.blockSize), start < endOfFrames { try checkFrames(through: start + UInt64(count)) }
        if count > Self.wholeMax { return try packLargeBlock(UnsafeRawBufferPointer(start: bytes, count: count)) }
        let bound = Zstd.compressBound(count)
        let packed = UnsafeMutableRawBufferPointer.allocate(byteCount: bound, alignment: 64)
        defer { packed.deallocate() }
        guard let size = compressor.compress(UnsafeRawBufferPointer(start: bytes, count: count), into: packed),
            case let offset = table.fileEnd, table.append(fileSize: UInt64(size), rawSize: UInt64(count))
        else { throw WalError(.io, "could not compress a segment: zstd refused a block", path: segment.path) }
        try attempt("write a compressed segment") { () throws(StorageError) in
            try output.write(at: offset, UnsafeRawBufferPointer(rebasing: packed[..<size]))
        }
        progress += UInt64(count)
    }

    /// The block of a very large event: what it packs to goes into the file piece by piece, and the memory for the event goes
    /// before it is read back.
    private func packLargeBlock(_ bytes: UnsafeRawBufferPointer) throws(WalError) {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 64)
        defer { piece.deallocate() }
        let start = table.fileEnd
        var offset = start
        let size = try compressor.compress(bytes, through: piece) { (part) throws(WalError) in
            try attempt("write a compressed segment") { () throws(StorageError) in try output.write(at: offset, part) }
            offset += UInt64(part.count)
        }
        guard let size, table.append(fileSize: UInt64(size), rawSize: UInt64(bytes.count)) else {
            throw WalError(.io, "could not compress a segment: zstd refused a block", path: segment.path)
        }
        progress += UInt64(bytes.count)
    }

    /// What is damaged must not get new checksums over it.
    private func checkFrames(through end: UInt64) throws(WalError) {
        while chain.offset < end {
            let check = try attempt("read a segment") { () throws(StorageError) in try chain.check(window) }
            guard case .whole(let frame, _) = check, chain.offset + UInt64(frame.size) <= end else {
                throw SealedParts.damage(
                    segment.path, offset: chain.offset, "a frame is damaged",
                    LSN(chain.nextLSN)...LSN(max(chain.nextLSN, chain.nextLSN)))
            }
            chain.accept(frame)
        }
        guard end < endOfFrames || chain.link == lastFrameChecksum else {
            throw SealedParts.damage(segment.path, offset: end, "the frames are not those that the footer sums up")
        }
    }

    /// Compares the next slice of the compressed file, as it reads, with the raw one. True at the end.
    private func compareSlice() throws(StorageError) -> Bool {
        if flaws.contains(.skipsReadBack) { return true }
        guard let view, view.table.rawSize == rawSize, !view.isTableDerived else {
            throw StorageError(.read, temporary, errno: ErrorNumber.io)
        }
        let count = Int(min(UInt64(Self.comparedSlice), rawSize - compared))
        let packed = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        defer { packed.deallocate() }
        let original = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        defer { original.deallocate() }
        guard try view.read(at: compared, into: packed) == count, try raw.read(at: compared, into: original) == count,
            packed.elementsEqual(to: original)
        else { throw StorageError(.read, temporary, errno: ErrorNumber.io) }
        compared += UInt64(count)
        progress += UInt64(count)
        return compared == rawSize
    }

    // MARK: The end

    /// Closes the files.
    func close() throws(StorageError) {
        var first: StorageError?
        for file in [view, raw, output] as [(any StorageFile)?] {
            do throws(StorageError) { try file?.close() } catch { first = first ?? error }
        }
        if let first { throw first }
    }

    /// Gives up: the file aside goes.
    func discard() throws(StorageError) {
        var first: StorageError?
        do throws(StorageError) { try close() } catch { first = error }
        do throws(StorageError) { try storage.unlink(temporary) } catch { first = first ?? error }
        if let first { throw first }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Whether two buffers of one length hold the same bytes.
    fileprivate func elementsEqual(to other: UnsafeMutableRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        var offset = 0
        while offset &+ 8 <= count {
            if loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            {
                return false
            }
            offset &+= 8
        }
        while offset < count {
            if self[offset] != other[offset] { return false }
            offset &+= 1
        }
        return true
    }
}
