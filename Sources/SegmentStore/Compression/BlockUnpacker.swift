/// Memory for the bytes of one block, used again for the next. Used by one thread at a time, as its owner arranges; hence
/// `@unchecked Sendable`.
final class BlockBuffer: @unchecked Sendable {
    /// Larger ones, for the blocks of very large events, are not kept.
    private static let keptMax = 4 << 20

    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var count = 0

    deinit {
        memory.deallocate()
    }

    var contents: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// Room for that many bytes; what was there before is gone.
    func prepare(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count < count || memory.count > max(Self.keptMax, count) {
            memory.deallocate()
            memory = .allocate(byteCount: (count + 0xFFFF) & ~0xFFFF, alignment: 64)
        }
        self.count = count
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    }
}

/// Reads and unpacks blocks. Used by one thread at a time, as its owner arranges; hence `@unchecked Sendable`.
final class BlockUnpacker: @unchecked Sendable {
    private let decompressor = ZstdDecompressor()
    private let packed = BlockBuffer()

    /// The packed bytes of a block that takes more are read and unpacked piece by piece.
    private static let pieceSize = 1 << 20

    /// Throws an error with `damage` if the block is not whole. All sizes were checked when the table was made.
    func unpack(
        _ block: SeekTable.Block, of file: any StorageFile, _ dictionary: ZstdDictionary?, into bytes: BlockBuffer,
        path: String
    ) throws(StorageError) {
        let target = bytes.prepare(block.raw.count)
        if block.file.count > 2 * Self.pieceSize {
            return try unpackInPieces(block, of: file, dictionary, target, path)
        }
        let source = packed.prepare(block.file.count)
        let count = try file.read(at: block.file.lowerBound, into: source)
        guard count == source.count, decompressor.decompress(UnsafeRawBufferPointer(source), into: target, dictionary)
        else {
            throw StorageError(damaged: block.raw, path)
        }
    }

    private func unpackInPieces(
        _ block: SeekTable.Block, of file: any StorageFile, _ dictionary: ZstdDictionary?,
        _ target: UnsafeMutableRawBufferPointer, _ path: String
    ) throws(StorageError) {
        let piece = packed.prepare(Self.pieceSize)
        guard var stream = decompressor.begin(into: target, dictionary) else {
            throw StorageError(damaged: block.raw, path)
        }
        var offset = block.file.lowerBound
        while offset < block.file.upperBound {
            let count = Int(min(UInt64(piece.count), block.file.upperBound - offset))
            let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<count])
            guard try file.read(at: offset, into: part) == count, stream.take(UnsafeRawBufferPointer(part)) else {
                throw StorageError(damaged: block.raw, path)
            }
            offset += UInt64(count)
        }
        guard stream.isComplete else { throw StorageError(damaged: block.raw, path) }
    }
}
