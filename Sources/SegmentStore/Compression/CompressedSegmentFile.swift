import WalPlatform

/// A compressed segment as if it were the raw one: reading unpacks the blocks concerned. It can't be written.
package final class CompressedSegmentFile: StorageFile {
    package let path: String
    package let table: SeekTable
    /// The size of the file itself.
    package let fileSize: UInt64
    /// The seek table was damaged or missing, and was made again from the blocks.
    package let isTableDerived: Bool
    /// The header in front of the dictionary says something else than the table: `zstd -d` would not find the dictionary.
    package let isDictionaryHeadDamaged: Bool
    private let file: any StorageFile
    private let dictionary: ZstdDictionary?
    private let recent = Guarded(Recent())

    /// The block that was read last.
    private struct Recent: Sendable {
        var number: Int?
        var unpacker: BlockUnpacker?
        var bytes = BlockBuffer()
    }

    /// Whether this build can read compressed segments.
    package static var isSupported: Bool { Zstd.isAvailable }

    /// Takes over an open file; the caller closes it if this throws.
    package init(_ file: any StorageFile, path: String) throws(StorageError) {
        guard Zstd.isAvailable else { throw StorageError(unsupported: path) }
        self.file = file
        self.path = path
        fileSize = try file.size()
        var table = try SeekTable.read(file, size: fileSize)
        var dictionary = try table.flatMap { (table) throws(StorageError) in try Self.dictionary(file, table) }
        var isDerived = false
        // The sizes in the table have no checksum. A wrong one shows in their sum, or in that the footer, whose checksum
        // covers its offset, is not where they put it.
        let isSound =
            if let table { try Self.endsInFooter(file, table, dictionary, path) } else { false }
        if !isSound {
            let derived = try SeekTable.derive(file, size: fileSize)
            // One that can't be followed to its end, since a block is damaged, says less than the table does.
            if table == nil || (derived.fileEnd == table?.fileEnd && derived != table) {
                table = derived
                dictionary = try Self.dictionary(file, derived)
                isDerived = true
            }
        }
        guard let table, !table.blocks.isEmpty else {
            throw StorageError(damaged: 0..<Layout.segmentSizeMax, path)
        }
        self.table = table
        self.dictionary = dictionary
        isTableDerived = isDerived
        isDictionaryHeadDamaged =
            try table.dictionary.map { (range) throws(StorageError) in
                try Self.isHeadDamaged(file, range)
            } ?? false
    }

    private static func isHeadDamaged(
        _ file: any StorageFile, _ dictionary: Range<UInt64>
    ) throws(StorageError) -> Bool {
        guard let head = try file.readBlock(at: 0, size: SeekTable.skippableHeaderSize) else { return true }
        return head.load(0, as: UInt32.self) != SeekTable.dictionaryMagic
            || UInt64(head.load(4, as: UInt32.self)) != UInt64(dictionary.count)
    }

    /// What opening one finds out about a file, which does not change.
    package struct Facts: Sendable {
        let table: SeekTable
        let fileSize: UInt64
        let isTableDerived: Bool
        let isDictionaryHeadDamaged: Bool
        let dictionary: ZstdDictionary?

        /// Bytes of memory, about.
        var cost: Int {
            table.blocks.count * MemoryLayout<SeekTable.Block>.stride + (dictionary == nil ? 0 : Self.dictionaryCost)
        }

        /// A dictionary with the tables that unpacking makes of it.
        private static let dictionaryCost = 1 << 20
    }

    var facts: Facts {
        Facts(
            table: table, fileSize: fileSize, isTableDerived: isTableDerived,
            isDictionaryHeadDamaged: isDictionaryHeadDamaged, dictionary: dictionary)
    }

    /// Takes over an open file that was looked at before.
    init(_ file: any StorageFile, path: String, facts: Facts) {
        self.file = file
        self.path = path
        table = facts.table
        fileSize = facts.fileSize
        isTableDerived = facts.isTableDerived
        isDictionaryHeadDamaged = facts.isDictionaryHeadDamaged
        dictionary = facts.dictionary
    }

    private static func dictionary(
        _ file: any StorageFile, _ table: SeekTable
    ) throws(StorageError) -> ZstdDictionary? {
        guard let range = table.dictionary, let block = try file.readBlock(at: range.lowerBound, size: range.count)
        else { return nil }
        return ZstdDictionary(block.bytes)
    }

    private static func endsInFooter(
        _ file: any StorageFile, _ table: SeekTable, _ dictionary: ZstdDictionary?, _ path: String
    ) throws(StorageError) -> Bool {
        // Index and footer alone are the last block: a larger one is none, and no memory is taken for it.
        guard let last = table.blocks.last, last.raw.count >= Layout.footerSize,
            UInt64(last.raw.count)
                <= Layout.sealReserve(segmentSize: Layout.segmentSizeMax, indexSpacing: Layout.indexSpacingMin)
        else { return false }
        let bytes = BlockBuffer()
        do throws(StorageError) {
            try BlockUnpacker().unpack(last, of: file, dictionary, into: bytes, path: path)
        } catch {
            guard error.damage != nil else { throw error }
            return false
        }
        let start = last.raw.count - Layout.footerSize
        let block = Block(UnsafeRawBufferPointer(rebasing: bytes.contents[start...]))
        return SegmentFooter(block, offset: table.rawSize - UInt64(Layout.footerSize)) != nil
    }

    /// Unpacks one block; `unpacker` and `bytes` are the caller's own.
    func unpack(_ number: Int, with unpacker: BlockUnpacker, into bytes: BlockBuffer) throws(StorageError) {
        try unpacker.unpack(table.blocks[number], of: file, dictionary, into: bytes, path: path)
    }

    package func size() throws(StorageError) -> UInt64 { table.rawSize }

    /// As `StorageFile` says, but that it ends early before a damaged block, and throws at one.
    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        var done = 0
        while done < buffer.count, let number = table.block(at: offset + UInt64(done)) {
            let place = offset + UInt64(done)
            do throws(StorageError) {
                done += try recent.withLock { (recent) throws(StorageError) in
                    if recent.number != number {
                        let unpacker = recent.unpacker ?? BlockUnpacker()
                        recent.unpacker = unpacker
                        recent.number = nil
                        try unpack(number, with: unpacker, into: recent.bytes)
                        recent.number = number
                    }
                    let bytes = recent.bytes.contents
                    let start = Int(place - table.blocks[number].raw.lowerBound)
                    let count = min(bytes.count - start, buffer.count - done)
                    UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + count]))
                    return count
                }
            } catch {
                guard error.damage != nil, done > 0 else { throw error }
                return done
            }
        }
        return done
    }

    package func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        throw StorageError(.write, path, errno: ErrorNumber.badDescriptor)
    }

    package func allocate(_ size: UInt64) throws(StorageError) {
        throw StorageError(.allocate, path, errno: ErrorNumber.badDescriptor)
    }

    package func truncate(_ size: UInt64) throws(StorageError) {
        throw StorageError(.truncate, path, errno: ErrorNumber.badDescriptor)
    }

    package func sync() throws(StorageError) {
        throw StorageError(.sync, path, errno: ErrorNumber.badDescriptor)
    }

    package func map(length: Int) throws(StorageError) -> any StorageMapping {
        throw StorageError(.map, path, errno: ErrorNumber.notSupported)
    }

    package func close() throws(StorageError) { try file.close() }
}

extension Storage {
    /// Opens a segment for reading by the name it has, raw or compressed; either way the bytes are those of the raw segment.
    package func openSegment(_ path: String) throws(StorageError) -> any StorageFile {
        try openSegment(path, isCompressed: FileNames.isCompressed(path))
    }

    /// The same for a file whose name does not tell.
    func openSegment(_ path: String, isCompressed: Bool) throws(StorageError) -> any StorageFile {
        let file = try open(path, .readOnly)
        guard isCompressed else { return file }
        do throws(StorageError) {
            return try CompressedSegmentFile(file, path: path)
        } catch {
            // Only read: a failed close can lose nothing.
            do { try file.close() } catch {}
            throw error
        }
    }
}
