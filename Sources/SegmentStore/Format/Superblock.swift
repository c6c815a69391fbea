/// Facts about a log, kept twice in the file LOG (docs/format.md, "Superblock"). It never says which files belong to the log.
package struct Superblock: Sendable, Hashable {
    package static let magic: UInt64 = 0x0147_4F4C_4C41_5753  // "SWALLOG" and 1, in the order of the bytes

    /// An unfinished change of the set of files that is decided already: recovery finishes it.
    package enum CutKind: UInt32, Sendable {
        case none = 0
        /// truncate(after:): what lies behind the cut is removed.
        case truncation = 1
        /// Point-in-time recovery: what lies behind the cut goes to quarantine.
        case repair = 2
    }

    package var features = FeatureBits()
    package var identity: LogIdentity
    package var generation: UInt64 = 0
    package var incarnation: UInt64 = 0
    /// 0 while the log is being made: no event can have been written then.
    package var epoch: UInt32 = 0
    package var isClean = false

    /// The first LSN kept, the segment it lies in, and the epoch of the event before it.
    package var firstLSN: UInt64
    package var firstSequence: UInt64 = 1
    package var epochBeforeFirst: UInt32 = 0

    /// All segments up to this one, the active, are on stable storage with their names.
    package var activeBase: UInt64
    package var activeSequence: UInt64 = 1
    /// Segments with a lower sequence number than this are sealed.
    package var sealedBelow: UInt64 = 1

    /// The newest point known to be on stable storage.
    package var watermark: Mark
    package var cutKind = CutKind.none
    package var cut: UInt64 = 0
    /// The epoch that the newest cut, a truncate(after:) or a repair, has raised the log to; 0 if there was none. A position
    /// stored under a lower epoch may lie on what was cut: it proves nothing about what must be there.
    package var cutEpoch: UInt32 = 0
    package var created: Int64

    package init(identity: LogIdentity, startLSN: UInt64, created: Int64) {
        self.identity = identity
        self.created = created
        firstLSN = startLSN
        activeBase = startLSN
        watermark = Mark(
            lsn: startLSN - 1, segment: startLSN, offset: UInt64(Layout.blockSize), link: 0, epoch: 0, incarnation: 0)
    }

    /// Whether a decided cut keeps no event of the log: an empty first segment takes the place of all.
    package var cutsEverything: Bool {
        cutKind != .none && cut < activeBase && activeSequence == firstSequence
    }

    /// Takes back all that it says of places in the segments: recovery then reads them from the first one on.
    mutating func rebase(toBase base: UInt64, sequence: UInt64) {
        isClean = false
        activeBase = base
        activeSequence = sequence
        sealedBelow = sequence
        watermark = Mark(
            lsn: base - 1, segment: base, offset: UInt64(Layout.blockSize), link: 0, epoch: 0, incarnation: 0)
    }

    private static let checksumField = 12

    /// One slot as it is written.
    package func encode() -> Block {
        var block = Block(size: Layout.blockSize)
        block.store(Self.magic, at: 0)
        block.store(Layout.version, at: 8)
        features.store(into: &block, at: 16)
        block.store(identity.high, at: 40)
        block.store(identity.low, at: 48)
        block.store(generation, at: 56)
        block.store(incarnation, at: 64)
        block.store(epoch, at: 72)
        block.store(UInt32(isClean ? 1 : 0), at: 76)
        block.store(firstLSN, at: 80)
        block.store(firstSequence, at: 88)
        block.store(epochBeforeFirst, at: 96)
        block.store(activeBase, at: 104)
        block.store(activeSequence, at: 112)
        block.store(sealedBelow, at: 120)
        block.store(watermark.lsn, at: 128)
        block.store(watermark.segment, at: 136)
        block.store(watermark.offset, at: 144)
        block.store(watermark.link, at: 152)
        block.store(cutKind.rawValue, at: 156)
        block.store(cut, at: 160)
        block.store(created, at: 168)
        block.store(watermark.incarnation, at: 176)
        block.store(watermark.epoch, at: 184)
        block.store(cutEpoch, at: 188)
        block.seal(field: Self.checksumField)
        return block
    }

    package typealias Failure = BlockFailure

    /// Reads one slot.
    package init(_ block: Block) throws(Failure) {
        features = try block.openedFeatures(magic: Self.magic, checksumField: Self.checksumField)
        identity = LogIdentity(high: block.load(40), low: block.load(48))
        generation = block.load(56)
        incarnation = block.load(64)
        epoch = block.load(72)
        isClean = block.load(76, as: UInt32.self) & 1 != 0
        firstLSN = block.load(80)
        firstSequence = block.load(88)
        epochBeforeFirst = block.load(96)
        activeBase = block.load(104)
        activeSequence = block.load(112)
        sealedBelow = block.load(120)
        watermark = Mark(
            lsn: block.load(128), segment: block.load(136), offset: block.load(144), link: block.load(152),
            epoch: block.load(184), incarnation: block.load(176))
        guard let kind = CutKind(rawValue: block.load(156)) else { throw .impossible("cut kind") }
        cutKind = kind
        cut = block.load(160)
        created = block.load(168)
        cutEpoch = block.load(188)
        let lsns = 1...LSN.max.rawValue
        guard lsns.contains(firstLSN), lsns.contains(activeBase), lsns.contains(watermark.segment),
            watermark.lsn >= watermark.segment - 1, watermark.lsn <= lsns.upperBound
        else { throw .impossible("LSNs") }
        guard firstSequence > 0, activeSequence >= firstSequence, activeSequence < Layout.counterLimit,
            sealedBelow < Layout.counterLimit, generation < Layout.counterLimit
        else { throw .impossible("sequence numbers or generation") }
        guard watermark.offset >= UInt64(Layout.blockSize), watermark.offset <= Layout.segmentSizeMax,
            watermark.offset % UInt64(Layout.frameAlignment) == 0
        else { throw .impossible("the watermark's offset \(watermark.offset)") }
        // A decided cut has the watermark put to the start of the segment it goes through.
        guard cutKind == .none || (cut <= lsns.upperBound && cut >= watermark.segment - 1) else {
            throw .impossible("cut")
        }
    }
}
