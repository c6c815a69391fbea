import SegmentStore
import WalPlatform

extension Block {
    init(of bytes: ArraySlice<UInt8>) {
        self = bytes.withUnsafeBytes { Block($0) }
    }
}

/// Puts right checksums over bytes that an input changed, so that what lies behind the checks is reached.
struct Mending: OptionSet {
    let rawValue: UInt8

    /// Of header blocks, of slots, and of checkpoints.
    static let header = Mending(rawValue: 1)
    /// Of the bodies of frames.
    static let bodies = Mending(rawValue: 2)
    /// Of the headers of frames.
    static let frames = Mending(rawValue: 4)
    /// What links a frame to the one before.
    static let links = Mending(rawValue: 8)
    static let index = Mending(rawValue: 16)
    static let footer = Mending(rawValue: 32)
    /// The footer tells of the frames that are there.
    static let footerFacts = Mending(rawValue: 64)

    private static let checksumField = 12

    /// A block with its checksum in the usual place; the bytes of a shorter one are left alone.
    func block(_ bytes: inout [UInt8], at offset: Int = 0, size: Int = Layout.blockSize, seed: UInt32 = 0) {
        guard bytes.count >= offset + size else { return }
        var block = Block(of: bytes[offset..<offset + size])
        block.seal(field: Self.checksumField, seed: seed)
        bytes.replaceSubrange(offset..<offset + size, with: block.bytes)
    }

    func segment(_ bytes: inout [UInt8]) {
        guard bytes.count >= Layout.blockSize else { return }
        if contains(.header) { block(&bytes) }
        let salt = Block(of: bytes[..<Layout.blockSize]).load(80, as: UInt64.self)
        let (end, link, checksum) = frames(&bytes, salt: salt)
        let footer = bytes.count - Layout.footerSize
        guard footer >= Layout.blockSize else { return }
        if contains(.footerFacts) {
            store(UInt64(end), in: &bytes, at: footer + 104)
            store(checksum, in: &bytes, at: footer + 128)
            store(link, in: &bytes, at: footer + 132)
        }
        if contains(.index) { index(&bytes, footer: footer, salt: salt) }
        if contains(.footer) {
            block(&bytes, at: footer, size: Layout.footerSize, seed: FrameHeader.seed(salt: 0, offset: UInt64(footer)))
        }
    }

    /// Follows the frames by their lengths. Returns where they end, the checksum of the last, and that over all.
    private func frames(_ bytes: inout [UInt8], salt: UInt64) -> (end: Int, link: UInt32, checksum: UInt32) {
        var link = Block(of: bytes[..<Layout.blockSize]).load(Self.checksumField, as: UInt32.self)
        var summary = SegmentSummary()
        var offset = Layout.blockSize
        while offset + Layout.frameHeaderSize <= bytes.count {
            let header = Block(of: bytes[offset..<offset + Layout.frameHeaderSize])
            let length = Int(header.load(8, as: UInt32.self))
            let size = Layout.frameSize(bodyLength: length)
            guard header.load(4, as: UInt16.self) == FrameHeader.magic, size <= bytes.count - offset else { break }
            let seed = FrameHeader.seed(salt: salt, offset: UInt64(offset))
            if contains(.bodies) {
                let body = bytes.withUnsafeBytes { bytes in
                    bytes.baseAddress.map {
                        FrameHeader.bodyChecksum(at: $0 + offset + Layout.frameHeaderSize, length: length, seed: seed)
                    }
                }
                store(body ?? 0, in: &bytes, at: offset + 56)
            }
            if contains(.links) { store(link, in: &bytes, at: offset + 52) }
            if contains(.frames) {
                let rest = Array(bytes[offset + 4..<offset + Layout.frameHeaderSize])
                store(rest.withUnsafeBytes { CRC32C.checksum($0, seed: seed) }, in: &bytes, at: offset)
            }
            link = Block(of: bytes[offset..<offset + 4]).load(0)
            summary.framesChecksum = rest(of: link, behind: summary.framesChecksum)
            offset += size
        }
        return (offset, link, summary.framesChecksum)
    }

    private func rest(of link: UInt32, behind checksum: UInt32) -> UInt32 {
        withUnsafeBytes(of: link.littleEndian) { CRC32C.checksum($0, seed: checksum) }
    }

    private func index(_ bytes: inout [UInt8], footer: Int, salt: UInt64) {
        let block = Block(of: bytes[footer...])
        let (offset, length) = (block.load(112, as: UInt64.self), Int(block.load(120, as: UInt32.self)))
        guard offset >= UInt64(Layout.blockSize), offset <= UInt64(footer), length >= Layout.indexHeaderSize,
            length <= footer - Int(offset)
        else { return }
        self.block(
            &bytes, at: Int(offset), size: length, seed: FrameHeader.seed(salt: salt, offset: offset))
        let checksum = Block(of: bytes[Int(offset)..<Int(offset) + length]).load(Self.checksumField, as: UInt32.self)
        store(checksum, in: &bytes, at: footer + 124)
    }

    /// A checkpoint's state, and then its header.
    func checkpoint(_ bytes: inout [UInt8]) {
        guard bytes.count >= Layout.blockSize else { return }
        if contains(.bodies) {
            let state = Array(bytes[Layout.blockSize...])
            store(UInt32(truncatingIfNeeded: state.count), in: &bytes, at: 88)
            store(CheckpointHeader.checksum(of: state), in: &bytes, at: 92)
        }
        if contains(.header) { block(&bytes) }
    }

    private func store<Value: FixedWidthInteger>(_ value: Value, in bytes: inout [UInt8], at offset: Int) {
        for index in 0..<MemoryLayout<Value>.size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }
}
