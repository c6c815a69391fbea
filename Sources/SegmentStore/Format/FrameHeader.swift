import WalPlatform

/// The header of a frame (docs/format.md, "Frame"): 64 bytes, then the body, padded with zeros to 8 bytes.
///
/// ```
///  0 u32 header checksum   4 u16 magic   6 u8 kind   7 u8 codec   8 u32 body length   12 u32 events
/// 16 u64 first LSN        24 u64 durable watermark  32 i64 time  40 u64 incarnation
/// 48 u32 epoch            52 u32 link               56 u32 body checksum              60 u32 flags
/// ```
package struct FrameHeader: Sendable, Hashable {
    package static let magic: UInt16 = 0xA95F

    package enum Kind {
        /// Events.
        package static let data: UInt8 = 1
        /// Padding without events; its first LSN is that of the next event.
        package static let filler: UInt8 = 2
    }

    package var kind: UInt8
    package var codec: UInt8
    package var bodyLength: Int
    package var eventCount: Int
    package var firstLSN: UInt64
    /// The newest LSN known to be on stable storage when the frame was written.
    package var watermark: UInt64
    package var time: Int64
    package var incarnation: UInt64
    package var epoch: UInt32
    /// The header checksum of the frame before, or of the segment's header block for the first one.
    package var link: UInt32
    package var bodyChecksum: UInt32
    package var flags: UInt32
    package var checksum: UInt32 = 0

    /// The file space the frame takes.
    package var size: Int { Layout.frameSize(bodyLength: bodyLength) }
    package var nextLSN: UInt64 { firstLSN &+ UInt64(eventCount) }

    /// Whether its LSNs can be those of a frame: from 1 to 2^64 − 2, but for a filler behind the last, with a watermark below
    /// them. A checksum can be right over others too, if somebody made the file.
    package var hasPossibleLSNs: Bool {
        firstLSN > 0 && firstLSN <= UInt64.max - UInt64(eventCount) && watermark < firstLSN
    }

    package init(
        kind: UInt8 = Kind.data, bodyLength: Int, eventCount: Int, firstLSN: UInt64, watermark: UInt64, time: Int64,
        incarnation: UInt64, epoch: UInt32, link: UInt32, bodyChecksum: UInt32
    ) {
        self.kind = kind
        codec = 0
        self.bodyLength = bodyLength
        self.eventCount = eventCount
        self.firstLSN = firstLSN
        self.watermark = watermark
        self.time = time
        self.incarnation = incarnation
        self.epoch = epoch
        self.link = link
        self.bodyChecksum = bodyChecksum
        flags = 0
    }

    /// The start value of a frame's checksums: a frame of another segment, or at another offset, never passes.
    package static func seed(salt: UInt64, offset: UInt64) -> UInt32 {
        withUnsafeBytes(of: (salt.littleEndian, offset.littleEndian)) { CRC32C.checksum($0) }
    }

    /// Writes the header and returns its checksum.
    package func encode(at target: UnsafeMutableRawPointer, seed: UInt32) -> UInt32 {
        target.store(Self.magic, at: 4)
        target.store(kind, at: 6)
        target.store(codec, at: 7)
        target.store(UInt32(truncatingIfNeeded: bodyLength), at: 8)
        target.store(UInt32(truncatingIfNeeded: eventCount), at: 12)
        target.store(firstLSN, at: 16)
        target.store(watermark, at: 24)
        target.store(time, at: 32)
        target.store(incarnation, at: 40)
        target.store(epoch, at: 48)
        target.store(link, at: 52)
        target.store(bodyChecksum, at: 56)
        target.store(flags, at: 60)
        let checksum = Self.checksum(at: target, seed: seed)
        target.store(checksum, at: 0)
        return checksum
    }

    /// Reads a header, or returns nil if its checksum or magic does not hold there.
    package init?(at source: UnsafeRawPointer, seed: UInt32) {
        guard source.load(4, as: UInt16.self) == Self.magic else { return nil }
        checksum = source.load(0, as: UInt32.self)
        guard checksum == Self.checksum(at: source, seed: seed) else { return nil }
        kind = source.load(6, as: UInt8.self)
        codec = source.load(7, as: UInt8.self)
        bodyLength = Int(clamping: source.load(8, as: UInt32.self))
        eventCount = Int(clamping: source.load(12, as: UInt32.self))
        firstLSN = source.load(16, as: UInt64.self)
        watermark = source.load(24, as: UInt64.self)
        time = source.load(32, as: Int64.self)
        incarnation = source.load(40, as: UInt64.self)
        epoch = source.load(48, as: UInt32.self)
        link = source.load(52, as: UInt32.self)
        bodyChecksum = source.load(56, as: UInt32.self)
        flags = source.load(60, as: UInt32.self)
    }

    /// A frame without events from the end of a chain up to `end`, at least a header away, with its bytes.
    package static func filler(
        through end: UInt64, behind mark: Mark, salt: UInt64, _ adjust: (inout FrameHeader) -> Void
    ) -> (header: FrameHeader, bytes: Block) {
        var block = Block(size: Int(end - mark.offset))
        var header = FrameHeader(
            kind: Kind.filler, bodyLength: block.bytes.count - Layout.frameHeaderSize, eventCount: 0,
            firstLSN: mark.lsn + 1, watermark: 0, time: 0, incarnation: mark.incarnation, epoch: mark.epoch,
            link: mark.link, bodyChecksum: 0)
        adjust(&header)
        let seed = seed(salt: salt, offset: mark.offset)
        block.withUnsafeMutableBytes { bytes in
            // The block has a header's bytes at least, so it has a base address.
            guard let base = bytes.baseAddress else { return }
            header.bodyChecksum = bodyChecksum(
                at: base + Layout.frameHeaderSize, length: header.bodyLength, seed: seed)
            header.checksum = header.encode(at: base, seed: seed)
        }
        return (header, block)
    }

    static func checksum(at header: UnsafeRawPointer, seed: UInt32) -> UInt32 {
        CRC32C.checksum(UnsafeRawBufferPointer(start: header + 4, count: Layout.frameHeaderSize - 4), seed: seed)
    }

    /// The checksum of a body with its padding.
    package static func bodyChecksum(at body: UnsafeRawPointer, length: Int, seed: UInt32) -> UInt32 {
        CRC32C.checksum(UnsafeRawBufferPointer(start: body, count: Layout.aligned(length)), seed: seed)
    }
}
