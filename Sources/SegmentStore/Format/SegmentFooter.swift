/// The last block of a sealed segment (docs/format.md, "Footer").
package struct SegmentFooter: Sendable, Hashable {
    package static let magic: UInt64 = 0x0144_4E45_4C41_5753  // "SWALEND" and 1, in the order of the bytes

    package var identity: LogIdentity
    package var sequence: UInt64
    package var salt: UInt64
    package var summary: SegmentSummary
    package var endOfFrames: UInt64
    package var lastFrameChecksum: UInt32
    package var indexOffset: UInt64
    package var indexLength: Int
    package var indexChecksum: UInt32
    package var sealed: Int64
    /// A typed digest of the bytes up to the end of frames; type 0: none.
    package var digestType: UInt32 = 0
    package var digest = [UInt8](repeating: 0, count: 64)

    package init(
        identity: LogIdentity, sequence: UInt64, salt: UInt64, summary: SegmentSummary, endOfFrames: UInt64,
        lastFrameChecksum: UInt32, indexOffset: UInt64, indexLength: Int, indexChecksum: UInt32, sealed: Int64
    ) {
        self.identity = identity
        self.sequence = sequence
        self.salt = salt
        self.summary = summary
        self.endOfFrames = endOfFrames
        self.lastFrameChecksum = lastFrameChecksum
        self.indexOffset = indexOffset
        self.indexLength = indexLength
        self.indexChecksum = indexChecksum
        self.sealed = sealed
    }

    private static let checksumField = 12

    /// The checksum is seeded with the footer's own offset alone, so that the salt can be learned from it when the header
    /// block is lost.
    private static func seed(offset: UInt64) -> UInt32 {
        FrameHeader.seed(salt: 0, offset: offset)
    }

    package func encode(offset: UInt64) -> Block {
        var block = Block(size: Layout.footerSize)
        block.store(Self.magic, at: 0)
        block.store(Layout.version, at: 8)
        block.store(summary.firstLSN, at: 16)
        block.store(summary.lastLSN, at: 24)
        block.store(summary.firstEpoch, at: 32)
        block.store(summary.lastEpoch, at: 36)
        block.store(summary.lastIncarnation, at: 40)
        block.store(summary.eventCount, at: 48)
        block.store(summary.frameCount, at: 56)
        block.store(summary.payloadBytes, at: 64)
        block.store(summary.oldestEventTime, at: 72)
        block.store(summary.newestEventTime, at: 80)
        block.store(summary.oldestFrameTime, at: 88)
        block.store(summary.newestFrameTime, at: 96)
        block.store(endOfFrames, at: 104)
        block.store(indexOffset, at: 112)
        block.store(UInt32(truncatingIfNeeded: indexLength), at: 120)
        block.store(indexChecksum, at: 124)
        block.store(summary.framesChecksum, at: 128)
        block.store(lastFrameChecksum, at: 132)
        block.store(digestType, at: 136)
        block.store(digest, at: 144)
        block.store(salt, at: 208)
        block.store(identity.high, at: 216)
        block.store(identity.low, at: 224)
        block.store(sequence, at: 232)
        block.store(sealed, at: 240)
        block.seal(field: Self.checksumField, seed: Self.seed(offset: offset))
        return block
    }

    /// Reads a footer found at `offset`; nil if it is none, or of a version this software doesn't know.
    package init?(_ block: Block, offset: UInt64) {
        guard block.bytes.count == Layout.footerSize, block.load(0, as: UInt64.self) == Self.magic,
            block.isIntact(field: Self.checksumField, seed: Self.seed(offset: offset)),
            block.load(8, as: UInt16.self) == Layout.version
        else { return nil }
        summary = SegmentSummary()
        summary.firstLSN = block.load(16)
        summary.lastLSN = block.load(24)
        summary.firstEpoch = block.load(32)
        summary.lastEpoch = block.load(36)
        summary.lastIncarnation = block.load(40)
        summary.eventCount = block.load(48)
        summary.frameCount = block.load(56)
        summary.payloadBytes = block.load(64)
        summary.oldestEventTime = block.load(72)
        summary.newestEventTime = block.load(80)
        summary.oldestFrameTime = block.load(88)
        summary.newestFrameTime = block.load(96)
        endOfFrames = block.load(104)
        indexOffset = block.load(112)
        indexLength = Int(clamping: block.load(120, as: UInt32.self))
        indexChecksum = block.load(124)
        summary.framesChecksum = block.load(128)
        lastFrameChecksum = block.load(132)
        digestType = block.load(136)
        digest = block.load(144, count: 64)
        salt = block.load(208)
        identity = LogIdentity(high: block.load(216), low: block.load(224))
        sequence = block.load(232)
        sealed = block.load(240)
        guard endOfFrames >= UInt64(Layout.blockSize), endOfFrames <= indexOffset,
            indexOffset <= offset, UInt64(indexLength) <= offset - indexOffset, summary.firstLSN > 0,
            summary.lastLSN >= summary.firstLSN, summary.lastLSN <= LSN.max.rawValue, sequence > 0,
            sequence < Layout.counterLimit
        else { return nil }
    }
}
