/// Where the blocks of a compressed segment lie (docs/format.md, "Compressed segment"): the zstd seekable format.
package struct SeekTable: Sendable, Hashable {
    /// A skippable frame that holds the dictionary; the first frame where there is one.
    package static let dictionaryMagic: UInt32 = 0x184D_2A5D
    package static let tableMagic: UInt32 = 0x184D_2A5E
    package static let footerMagic: UInt32 = 0x8F92_EAB1
    package static let frameMagic: UInt32 = 0xFD2F_B528
    package static let skippableHeaderSize = 8
    package static let footerSize = 9
    package static let dictionaryBytesMax = 16 << 20

    /// A table of more entries is damaged: no block but the last few is shorter than the smallest index spacing.
    private static let entriesMax = Int(Layout.segmentSizeMax / UInt64(Layout.indexSpacingMin)) + 64

    /// A zstd frame and what it holds.
    package struct Block: Sendable, Hashable {
        package var raw: Range<UInt64>
        package var file: Range<UInt64>
    }

    package private(set) var blocks: [Block] = []
    /// The dictionary's bytes in the file.
    package private(set) var dictionary: Range<UInt64>?
    /// Where the next frame would lie.
    package private(set) var fileEnd: UInt64 = 0

    package init() {}

    package var rawSize: UInt64 { blocks.last?.raw.upperBound ?? 0 }

    /// Adds a zstd frame; false if no such frame can be.
    package mutating func append(fileSize: UInt64, rawSize: UInt64) -> Bool {
        let start = self.rawSize
        guard fileSize > 0, rawSize > 0, rawSize <= Zstd.contentBound(fileSize),
            // Where an `Int` has 32 bits, the largest does not fit one.
            Int(exactly: rawSize) != nil, Int(exactly: fileSize) != nil,
            rawSize <= Layout.segmentSizeMax, start + rawSize <= Layout.segmentSizeMax,
            blocks.count < Self.entriesMax
        else { return false }
        blocks.append(Block(raw: start..<start + rawSize, file: fileEnd..<fileEnd + fileSize))
        fileEnd += fileSize
        return true
    }

    /// Adds the skippable frame with the dictionary, which must come first.
    package mutating func appendDictionary(fileSize: UInt64) -> Bool {
        guard fileEnd == 0, fileSize > UInt64(Self.skippableHeaderSize),
            fileSize <= UInt64(Self.skippableHeaderSize + Self.dictionaryBytesMax)
        else { return false }
        dictionary = UInt64(Self.skippableHeaderSize)..<fileSize
        fileEnd = fileSize
        return true
    }

    /// The number of the block that holds a raw offset.
    package func block(at offset: UInt64) -> Int? {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].raw.upperBound <= offset { low = middle + 1 } else { high = middle }
        }
        return low < blocks.count ? low : nil
    }

    // MARK: On disk

    /// The skippable frame that ends the file.
    package func encode() -> SegmentStore.Block {
        let count = blocks.count + (dictionary == nil ? 0 : 1)
        let length = count * 8 + Self.footerSize
        var block = SegmentStore.Block(size: Self.skippableHeaderSize + length)
        block.store(Self.tableMagic, at: 0)
        block.store(UInt32(length), at: 4)
        var offset = Self.skippableHeaderSize
        func add(_ file: UInt64, _ raw: UInt64) {
            block.store(UInt32(truncatingIfNeeded: file), at: offset)
            block.store(UInt32(truncatingIfNeeded: raw), at: offset + 4)
            offset += 8
        }
        if let dictionary { add(dictionary.upperBound, 0) }
        for entry in blocks { add(UInt64(entry.file.count), UInt64(entry.raw.count)) }
        block.store(UInt32(count), at: offset)
        block.store(Self.footerMagic, at: offset + 5)
        return block
    }

    /// Reads the table at the end of a file; nil if it is missing, damaged, or not of this file.
    package static func read(_ file: any StorageFile, size: UInt64) throws(StorageError) -> SeekTable? {
        let least = UInt64(skippableHeaderSize + footerSize)
        guard size > least,
            let footer = try file.readBlock(at: size - UInt64(footerSize), size: footerSize),
            footer.load(5, as: UInt32.self) == footerMagic
        else { return nil }
        let count = Int(clamping: footer.load(0, as: UInt32.self))
        let descriptor = footer.load(4, as: UInt8.self)
        let entrySize = descriptor & 0x80 != 0 ? 12 : 8
        guard descriptor & 0x7C == 0, count > 0, count <= entriesMax else { return nil }
        let length = skippableHeaderSize + count * entrySize + footerSize
        guard UInt64(length) < size, let block = try file.readBlock(at: size - UInt64(length), size: length),
            block.load(0, as: UInt32.self) == tableMagic,
            Int(clamping: block.load(4, as: UInt32.self)) == length - skippableHeaderSize
        else { return nil }
        var table = SeekTable()
        table.blocks.reserveCapacity(count)
        for index in 0..<count {
            let entry = skippableHeaderSize + index * entrySize
            let (packed, raw) = (block.load(entry, as: UInt32.self), block.load(entry + 4, as: UInt32.self))
            let isFitting =
                raw == 0
                ? table.appendDictionary(fileSize: UInt64(packed))
                : table.append(fileSize: UInt64(packed), rawSize: UInt64(raw))
            guard isFitting else { return nil }
        }
        return table.fileEnd == size - UInt64(length) ? table : nil
    }

    /// Finds the blocks by their own frame headers, from the start of the file as far as they go.
    package static func derive(_ file: any StorageFile, size: UInt64) throws(StorageError) -> SeekTable {
        var table = SeekTable()
        let window = ByteWindow(file, limit: size)
        while let frame = try FrameExtent(window, at: table.fileEnd) {
            let isFitting =
                switch frame.kind {
                case .content(let rawSize): table.append(fileSize: frame.size, rawSize: rawSize)
                case .skippable(let magic):
                    magic == dictionaryMagic && table.appendDictionary(fileSize: frame.size)
                }
            guard isFitting else { break }
        }
        return table
    }
}

/// How far a zstd frame goes, by its headers alone.
private struct FrameExtent {
    enum Kind {
        case content(rawSize: UInt64)
        case skippable(magic: UInt32)
    }

    var kind: Kind
    var size: UInt64

    /// Nil if there is no whole frame that says how much it holds.
    init?(_ window: ByteWindow, at start: UInt64) throws(StorageError) {
        guard let head = try window.bytes(at: start, count: 8) else { return nil }
        let magic = head.load(0, as: UInt32.self)
        if magic & 0xFFFF_FFF0 == 0x184D_2A50 {
            kind = .skippable(magic: magic)
            size = 8 + UInt64(head.load(4, as: UInt32.self))
            guard size <= window.limit - start else { return nil }
            return
        }
        guard magic == SeekTable.frameMagic else { return nil }
        let descriptor = head.load(4, as: UInt8.self)
        let isSingle = descriptor & 0x20 != 0
        let dictionarySize = [0, 1, 2, 4][Int(descriptor & 3)]
        let sizeSize = descriptor >> 6 == 0 ? (isSingle ? 1 : 0) : 1 << Int(descriptor >> 6)
        guard sizeSize > 0 else { return nil }
        let sizeOffset = start + 5 + (isSingle ? 0 : 1) + UInt64(dictionarySize)
        guard let field = try window.bytes(at: sizeOffset, count: sizeSize) else { return nil }
        var rawSize: UInt64 = 0
        for byte in 0..<sizeSize { rawSize |= UInt64(field.load(byte, as: UInt8.self)) << (8 * byte) }
        if sizeSize == 2 { rawSize += 256 }
        kind = .content(rawSize: rawSize)
        var offset = sizeOffset + UInt64(sizeSize)
        while true {
            guard let block = try window.bytes(at: offset, count: 3) else { return nil }
            let word = UInt32(block.load(0, as: UInt16.self)) | UInt32(block.load(2, as: UInt8.self)) << 16
            offset += 3 + (word >> 1 & 3 == 1 ? 1 : UInt64(word >> 3))
            if word & 1 != 0 { break }
        }
        if descriptor & 4 != 0 { offset += 4 }
        guard offset <= window.limit else { return nil }
        size = offset - start
    }
}
