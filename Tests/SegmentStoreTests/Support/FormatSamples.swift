import SegmentStore

/// One of each block of the format, every field with a value of its own.
enum FormatSamples {
    static let identity = LogIdentity(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)

    static var header: SegmentHeader {
        var header = SegmentHeader(
            identity: identity, sequence: 7, firstLSN: 1001, incarnation: 0xABCD_EF01, salt: 0x5A17_5A17_0000_0001,
            created: 1_700_000_000_000_000_001, segmentSize: 64 << 20, watermark: 990, epoch: 5, indexSpacing: 65536)
        header.features.ignorable = 0b101
        header.features.readOnly = 0b110
        header.dictionaryID = 21
        header.encryptionKeyID = 22
        header.predecessor.sequence = 6
        header.predecessor.firstLSN = 900
        header.predecessor.lastLSN = 1000
        header.predecessor.endOfFrames = 77_776
        header.predecessor.incarnation = 0x77
        header.predecessor.epoch = 4
        header.predecessor.lastFrameChecksum = 0xCAFE_F00D
        return header
    }

    static var superblock: Superblock {
        var superblock = Superblock(identity: identity, startLSN: 1, created: 1_600_000_000_000_000_007)
        superblock.features.ignorable = 9
        superblock.features.readOnly = 10
        superblock.generation = 31
        superblock.incarnation = 0xBEEF
        superblock.epoch = 12
        superblock.isClean = true
        superblock.firstLSN = 501
        superblock.firstSequence = 3
        superblock.epochBeforeFirst = 11
        superblock.activeBase = 1001
        superblock.activeSequence = 7
        superblock.sealedBelow = 6
        superblock.watermark = Mark(
            lsn: 1010, segment: 1001, offset: 8192, link: 0x1234_5678, epoch: 10, incarnation: 0xAAA)
        superblock.cutKind = .repair
        superblock.cut = 1005
        return superblock
    }

    static var footer: SegmentFooter {
        var summary = SegmentSummary()
        summary.firstLSN = 1001
        summary.lastLSN = 1100
        summary.firstEpoch = 5
        summary.lastEpoch = 6
        summary.lastIncarnation = 0x66
        summary.eventCount = 100
        summary.frameCount = 9
        summary.payloadBytes = 12_345
        summary.oldestEventTime = -5
        summary.newestEventTime = 50
        summary.oldestFrameTime = 6
        summary.newestFrameTime = 60
        summary.framesChecksum = 0xF00D
        var footer = SegmentFooter(
            identity: identity, sequence: 7, salt: 0x5A17, summary: summary, endOfFrames: 20_480,
            lastFrameChecksum: 0xFEED, indexOffset: 20_480, indexLength: 96, indexChecksum: 0xC0DE, sealed: 99)
        footer.digestType = 3
        footer.digest = (0..<64).map { UInt8($0) }
        return footer
    }

    static var index: SparseIndex {
        var index = SparseIndex(spacing: 4096)
        index.append(.init(lsn: 1001, offset: 4096, newestEventTime: 1, newestFrameTime: 2))
        index.append(.init(lsn: 1050, offset: 9000, newestEventTime: 3, newestFrameTime: 4))
        return index
    }

    static var checkpoint: CheckpointHeader {
        CheckpointHeader(
            identity: identity, name: "orders.1", position: Position(lsn: 1005, epoch: 8, incarnation: 0x1C), time: 77,
            state: [])
    }

    static let frameSeed = FrameHeader.seed(salt: 0x5A17, offset: 4096)

    static var frame: FrameHeader {
        var frame = FrameHeader(
            kind: FrameHeader.Kind.data, bodyLength: 300, eventCount: 3, firstLSN: 1001, watermark: 1000, time: -77,
            incarnation: 0x1C, epoch: 8, link: 0x11AA, bodyChecksum: 0x22BB)
        frame.codec = 2
        frame.flags = 0x33CC
        return frame
    }

    static func bytes(of frame: FrameHeader, seed: UInt32 = frameSeed) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Layout.frameHeaderSize)
        bytes.withUnsafeMutableBytes { buffer in
            if let base = buffer.baseAddress { _ = frame.encode(at: base, seed: seed) }
        }
        return bytes
    }

    /// Reads a frame header from exactly 64 bytes.
    static func frame(in bytes: [UInt8], seed: UInt32 = frameSeed) -> FrameHeader? {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, buffer.count >= Layout.frameHeaderSize else { return nil }
            return FrameHeader(at: base, seed: seed)
        }
    }
}

extension Block {
    /// A block of these bytes.
    init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { Block($0) }
    }

    /// A copy with some bits of one byte flipped.
    func flipping(_ offset: Int, _ mask: UInt8) -> Block {
        var copy = bytes
        copy[offset] ^= mask
        return Block(copy)
    }
}
