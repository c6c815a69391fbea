package import WalPlatform

/// Access to the bytes of a file up to a limit, through a map or through a buffer that is read ahead.
///
/// Owned by one reader; not synchronised. Pointers it returns are valid until the next call or its end.
package final class ByteWindow {
    private enum Source {
        case mapping(any StorageMapping)
        case file(any StorageFile)
        case blocks(CompressedSegmentFile, ReadAhead)
    }

    private static let bufferSize = 256 << 10
    /// Holds a frame of the usual size: who looks for one event reads no more.
    private static let firstRead = 80 << 10
    private static let firstReads = 2
    /// The buffer of whoever follows the end of a file, where there is never much to be read.
    private static let smallRead = 16 << 10
    /// A larger buffer is given back when the frame that needed it was read.
    private static let keptMax = 4 << 20
    /// Held while the buffer is larger than that, so that not several of a log's background steps hold a large event at once.
    private let gate: FairLock?
    private var holdsGate = false

    private let source: Source
    private var keepsRest = false
    /// The path of a file that is known to reach to the limit: ending before it is an error of the disk.
    private var path: String?
    /// Of a map.
    private let base: UnsafeRawPointer?
    /// No byte at or behind this offset is ever touched.
    package private(set) var limit: UInt64
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start: UInt64 = 0
    private var filled = 0
    private var refills = 0
    /// The unpacked block the reader is in, which begins at `start`.
    private var block: UnsafeRawBufferPointer?

    /// Reads through a map, which must span `limit`.
    package init(_ mapping: any StorageMapping, limit: UInt64) {
        source = .mapping(mapping)
        gate = nil
        let bytes = mapping.bytes
        base = bytes.baseAddress
        self.limit = min(limit, UInt64(bytes.count))
    }

    /// Reads through read calls.
    ///
    /// - Parameter isSettled: what lies below the limit never changes. Then nothing is read twice: what is left in the buffer is
    ///   kept, and the file is read in one sequence, as the system's read-ahead likes it.
    /// - Parameter path: given where nobody shortens the file meanwhile and the limit is within it. That it ends before is an
    ///   error then, and not for the reader to draw conclusions from.
    /// - Parameter gate: waited for where a frame needs a large buffer, and free again once that has gone: with `release`, with
    ///   the next frames, or with the window. Whoever gives one takes no other lock meanwhile.
    package init(
        _ file: any StorageFile, limit: UInt64, isSettled: Bool = false, reaching path: String? = nil,
        gate: FairLock? = nil
    ) {
        self.gate = gate
        self.path = path
        source = .file(file)
        base = nil
        self.limit = limit
        keepsRest = isSettled
    }

    /// Reads the blocks of a compressed segment, where they are unpacked.
    init(_ file: CompressedSegmentFile, _ ahead: ReadAhead, limit: UInt64) {
        source = .blocks(file, ahead)
        gate = nil
        base = nil
        self.limit = limit
    }

    deinit {
        buffer.deallocate()
        if holdsGate { gate?.unlock() }
    }

    /// Whether it reads the blocks of a compressed segment.
    var readsBlocks: Bool {
        if case .blocks = source { return true }
        return false
    }

    /// The map it reads through, if it does.
    var mapping: (any StorageMapping)? {
        if case .mapping(let mapping) = source { return mapping }
        return nil
    }

    /// Lets a window that reads with read calls reach further; one over a map keeps its limit.
    package func extend(to limit: UInt64) {
        guard case .file = source else { return }
        self.limit = max(self.limit, limit)
    }

    /// The address of `count` bytes at `offset`, or nil if they don't lie below the limit (or below the end of the file).
    package func bytes(at offset: UInt64, count: Int) throws(StorageError) -> UnsafeRawPointer? {
        guard count >= 0, offset <= limit, UInt64(count) <= limit - offset else { return nil }
        // The mapping spans the limit, which was just checked.
        if let base { return base + Int(offset) }
        switch source {
        case .mapping: return nil
        case .file(let file):
            if offset < start || offset + UInt64(count) > start + UInt64(filled) {
                try refill(file, at: offset, count: count)
            }
            guard offset >= start, offset + UInt64(count) <= start + UInt64(filled), let base = buffer.baseAddress
            else {
                return nil
            }
            return UnsafeRawPointer(base) + Int(offset - start)
        case .blocks(let file, let ahead):
            if let block, offset >= start, offset + UInt64(count) <= start + UInt64(block.count) {
                return block.baseAddress.map { $0 + Int(offset - start) }
            }
            return try enterBlock(of: file, ahead, at: offset, count: count)
        }
    }

    private func enterBlock(
        of file: CompressedSegmentFile, _ ahead: ReadAhead, at offset: UInt64, count: Int
    ) throws(StorageError) -> UnsafeRawPointer? {
        let last = limit > 0 ? file.table.block(at: limit - 1) ?? file.table.blocks.count - 1 : 0
        guard let number = file.table.block(at: offset), number <= last else { return nil }
        let range = file.table.blocks[number].raw
        guard offset + UInt64(count) <= range.upperBound else {
            // Across blocks, which this software does not make: copied together.
            block = nil
            try refill(file, at: offset, count: count)
            guard filled >= count else { return nil }
            return UnsafeRawPointer(buffer.baseAddress)
        }
        block = nil
        let bytes = try ahead.block(number, of: file, last: last)
        block = bytes
        start = range.lowerBound
        return bytes.baseAddress.map { $0 + Int(offset - start) }
    }

    private func refill(_ file: any StorageFile, at offset: UInt64, count: Int) throws(StorageError) {
        refills += 1
        let size = refills > Self.firstReads ? Self.bufferSize : Self.firstRead
        let wanted = Int(min(UInt64(max(count, size)), limit - offset))
        // Less than what is asked for, or there were nothing to read.
        let kept = keepsRest && offset > start && offset < start + UInt64(filled) ? filled - Int(offset - start) : 0
        keep(kept, room: wanted <= Self.smallRead ? Self.smallRead : max(wanted, Int(min(UInt64(size), limit))))
        start = offset
        filled = kept
        filled += try read(file, upTo: wanted)
        guard filled < count else { return }
        // The file ends here, or a damaged block of a compressed one begins here, which is an error of its own.
        filled += try read(file, upTo: wanted)
        if filled < count, let path { throw StorageError(.read, path, errno: ErrorNumber.io) }
    }

    private func read(_ file: any StorageFile, upTo end: Int) throws(StorageError) -> Int {
        try file.read(
            at: start + UInt64(filled), into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<end]))
    }

    /// Frees the buffer if it is large. What was returned is not valid any more.
    func rest() {
        guard buffer.count > Self.smallRead else { return }
        buffer.deallocate()
        buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        (start, filled) = (0, 0)
    }

    /// Moves the last bytes of the buffer to its front, and makes room for more in all.
    private func keep(_ count: Int, room: Int) {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[filled - count..<filled])
        if buffer.count >= room, buffer.count <= Self.keptMax || room > buffer.count / 2 {
            if count > 0 { buffer.copyMemory(from: rest) }
            return
        }
        // Never two large ones at once: what a large event took goes before the next one gets its room.
        var kept: [UInt8] = []
        if count > 0 { kept = Array(rest) }
        freeBuffer()
        if room > Self.keptMax, let gate {
            gate.lock()
            holdsGate = true
        }
        buffer = .allocate(byteCount: room, alignment: 4096)
        if count > 0 { buffer.copyBytes(from: kept) }
    }

    /// Gives back what large events took; pointers given out are no longer valid.
    func release() {
        guard buffer.count > Self.keptMax else { return }
        freeBuffer()
        filled = 0
    }

    private func freeBuffer() {
        buffer.deallocate()
        buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        guard holdsGate else { return }
        holdsGate = false
        gate?.unlock()
    }
}

extension StorageFile {
    /// Reads a block; nil if the file ends before.
    package func readBlock(at offset: UInt64, size: Int) throws(StorageError) -> Block? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        defer { buffer.deallocate() }
        guard try read(at: offset, into: buffer) == size else { return nil }
        return Block(UnsafeRawBufferPointer(buffer))
    }

    package func write(_ block: Block, at offset: UInt64) throws(StorageError) {
        try block.bytes.span.bytes.withUnsafeBytes { (buffer) throws(StorageError) in try write(at: offset, buffer) }
    }
}
