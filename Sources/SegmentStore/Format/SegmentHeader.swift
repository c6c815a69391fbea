/// The first block of a segment file (docs/format.md, "Segment header").
package struct SegmentHeader: Sendable, Hashable {
    package static let magic: UInt64 = 0x0147_4553_4C41_5753  // "SWALSEG" and 1, in the order of the bytes

    /// What the header says of the segment before: all of it known when the log rolls.
    package struct Predecessor: Sendable, Hashable {
        /// 0 if the segment is the first of the log.
        package var sequence: UInt64 = 0
        package var firstLSN: UInt64 = 0
        package var lastLSN: UInt64 = 0
        package var endOfFrames: UInt64 = 0
        package var incarnation: UInt64 = 0
        package var epoch: UInt32 = 0
        package var lastFrameChecksum: UInt32 = 0

        package init() {}

        /// Whether it can be what comes before a segment with this first LSN and sequence number.
        func isPossible(before base: UInt64, sequence next: UInt64) -> Bool {
            if sequence == 0 { return self == Self() }
            return sequence == next - 1 && firstLSN > 0 && firstLSN <= lastLSN && lastLSN == base - 1
                && endOfFrames > UInt64(Layout.blockSize) && endOfFrames <= Layout.segmentSizeMax
                && endOfFrames % 8 == 0
        }
    }

    package var features = FeatureBits()
    package var identity: LogIdentity
    package var sequence: UInt64
    package var firstLSN: UInt64
    package var incarnation: UInt64
    package var salt: UInt64
    package var created: Int64
    package var segmentSize: UInt64
    package var watermark: UInt64
    package var epoch: UInt32
    package var indexSpacing: Int
    package var dictionaryID: UInt32 = 0
    package var encryptionKeyID: UInt32 = 0
    package var predecessor = Predecessor()
    /// The checksum of the block: the link of the segment's first frame.
    package var checksum: UInt32 = 0

    package init(
        identity: LogIdentity, sequence: UInt64, firstLSN: UInt64, incarnation: UInt64, salt: UInt64, created: Int64,
        segmentSize: UInt64, watermark: UInt64, epoch: UInt32, indexSpacing: Int
    ) {
        self.identity = identity
        self.sequence = sequence
        self.firstLSN = firstLSN
        self.incarnation = incarnation
        self.salt = salt
        self.created = created
        self.segmentSize = segmentSize
        self.watermark = watermark
        self.epoch = epoch
        self.indexSpacing = indexSpacing
    }

    private static let checksumField = 12

    /// The block to be written, and sets `checksum`.
    package mutating func encode() -> Block {
        var block = Block(size: Layout.blockSize)
        block.store(Self.magic, at: 0)
        block.store(Layout.version, at: 8)
        features.store(into: &block, at: 16)
        block.store(identity.high, at: 40)
        block.store(identity.low, at: 48)
        block.store(sequence, at: 56)
        block.store(firstLSN, at: 64)
        block.store(incarnation, at: 72)
        block.store(salt, at: 80)
        block.store(created, at: 88)
        block.store(segmentSize, at: 96)
        block.store(watermark, at: 104)
        block.store(epoch, at: 112)
        block.store(UInt32(truncatingIfNeeded: indexSpacing), at: 116)
        block.store(dictionaryID, at: 120)
        block.store(encryptionKeyID, at: 124)
        block.store(predecessor.sequence, at: 128)
        block.store(predecessor.firstLSN, at: 136)
        block.store(predecessor.lastLSN, at: 144)
        block.store(predecessor.endOfFrames, at: 152)
        block.store(predecessor.incarnation, at: 160)
        block.store(predecessor.epoch, at: 168)
        block.store(predecessor.lastFrameChecksum, at: 172)
        checksum = block.seal(field: Self.checksumField)
        return block
    }

    package typealias Failure = BlockFailure

    /// Reads a header block.
    package init(_ block: Block) throws(Failure) {
        features = try block.openedFeatures(magic: Self.magic, checksumField: Self.checksumField)
        identity = LogIdentity(high: block.load(40), low: block.load(48))
        sequence = block.load(56)
        firstLSN = block.load(64)
        incarnation = block.load(72)
        salt = block.load(80)
        created = block.load(88)
        segmentSize = block.load(96)
        watermark = block.load(104)
        epoch = block.load(112)
        indexSpacing = Int(clamping: block.load(116, as: UInt32.self))
        dictionaryID = block.load(120)
        encryptionKeyID = block.load(124)
        predecessor.sequence = block.load(128)
        predecessor.firstLSN = block.load(136)
        predecessor.lastLSN = block.load(144)
        predecessor.endOfFrames = block.load(152)
        predecessor.incarnation = block.load(160)
        predecessor.epoch = block.load(168)
        predecessor.lastFrameChecksum = block.load(172)
        checksum = block.load(Self.checksumField)
        guard segmentSize >= Layout.segmentSizeMin, segmentSize <= Layout.segmentSizeMax else {
            throw .impossible("segment size \(segmentSize)")
        }
        guard indexSpacing >= Layout.indexSpacingMin, indexSpacing <= Layout.indexSpacingMax else {
            throw .impossible("index spacing \(indexSpacing)")
        }
        guard firstLSN > 0, firstLSN < UInt64.max, sequence > 0, sequence < Layout.counterLimit else {
            throw .impossible("first LSN \(firstLSN), sequence \(sequence)")
        }
        guard watermark <= LSN.max.rawValue else { throw .impossible("watermark \(watermark)") }
        guard predecessor.isPossible(before: firstLSN, sequence: sequence) else { throw .impossible("predecessor") }
    }

    /// The offset no frame of this segment may pass.
    package var framesLimit: UInt64 { Layout.framesLimit(segmentSize: segmentSize, indexSpacing: indexSpacing) }
}
