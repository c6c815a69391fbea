import WalPlatform

/// What recovery read and decided, before anything is changed. Also the dry run, and all of a read-only open.
package struct RecoveryPlan: Sendable {
    /// A segment file that belongs to the log.
    package struct Found: Sendable {
        package var base: UInt64
        package var sequence: UInt64
        /// Whether its file is the compressed one.
        package var isCompressed: Bool
        package var isSealed = false
        /// Of most segments nothing more is known: apart, so that tens of thousands take little memory.
        private var details: Details?

        private final class Details: Sendable {
            let header: SegmentHeader?
            let end: Mark?
            let salt: UInt64?

            init(_ header: SegmentHeader?, _ end: Mark?, _ salt: UInt64?) {
                self.header = header
                self.end = end
                self.salt = salt
            }
        }

        package init(base: UInt64, sequence: UInt64, isCompressed: Bool = false) {
            self.base = base
            self.sequence = sequence
            self.isCompressed = isCompressed
        }

        /// Read where recovery needed it.
        package var header: SegmentHeader? {
            get { details?.header }
            set { details = Details(newValue, end, salt) }
        }
        /// The end of its frames, where recovery came to it.
        package var end: Mark? {
            get { details?.end }
            set { details = Details(header, newValue, salt) }
        }
        /// Of any intact header the file has, also one that belongs elsewhere.
        package var salt: UInt64? {
            get { details?.salt }
            set { details = Details(header, end, newValue) }
        }
        /// The name of its file.
        package var name: String {
            isCompressed ? FileNames.compressedSegment(base: base) : FileNames.segment(base: base)
        }
    }

    /// Bytes behind the last event that are to be zeroed.
    package struct Tail: Sendable, Hashable {
        package var base: UInt64
        package var range: Range<UInt64>
    }

    /// A cut through data that was durable, or a decided one that a stop interrupted.
    package struct Cut: Sendable, Hashable {
        package var kind: Superblock.CutKind
        /// The last event kept.
        package var lsn: UInt64
        /// The segment that is cut; its header and end are found in `segments`. Made anew if `header` could not be read.
        package var base: UInt64
        package var sequence: UInt64
        package var predecessor: SegmentHeader.Predecessor
        /// Whether the file must be replaced; false where that was done already.
        package var replaces: Bool
    }

    /// There was no log: one is to be made.
    package var isNew = false
    package var superblock: Superblock
    package var mustRebuildSuperblock = false
    /// As it was found, where `superblock` is another one.
    package var superblockAsRead: Superblock?
    /// What the superblock says of the end is not so.
    package var isSuperblockUnfit = false
    /// The segments that stay, in order; the last one becomes the active one.
    package var segments: [Found] = []
    /// Where the log ends.
    package var end: Mark
    /// Of the active segment, as far as it was scanned.
    package var tally: SegmentTally
    package var tail: Tail?
    /// Segment files that hold what a repair gives up before the first LSN that it keeps, oldest first.
    package var front: [Found] = []
    /// The names of the files that go to quarantine before anything else, oldest first.
    package var givenUp: [String] = []
    /// The events that a repair finds missing or gives up.
    package var lost: [ClosedRange<LSN>] = []
    /// Segment files behind the end, oldest first.
    package var discarded: [Found] = []
    package var cut: Cut?
    /// The sizes of the discarded files.
    package var bytesDiscarded: UInt64 = 0
    /// The superblock slot that is whole and newest, if the other is not as good: it must be overwritten last.
    package var superblockSlot: Int?
    /// Whether the other slot is older and whole, not damaged.
    package var otherSlotIsWhole = false
    /// Names to be removed: unfinished files, and segments below the first LSN kept.
    package var leftovers: [String] = []
    /// Names of segments that were found sealed and of which the superblock does not say so yet.
    package var newlySealed: [String] = []
    /// Names of files to be removed because their segment's other file, raw or compressed, is kept.
    package var spareTwins: [String] = []
    package var outcome: RecoveryReport.Outcome
    package var damage: WalError?
    /// What the superblock says that the segments show to be otherwise; no event is concerned.
    package var contradictions: [WalError] = []
    package var newestEpoch: UInt32 = 0
    /// The highest LSN that a frame or segment header read says was durable.
    package var newestWatermark: UInt64 = 0
    package var segmentsScanned = 0
    package var bytesScanned: UInt64 = 0
    package var rows = RecoveryRows()

    package init(
        superblock: Superblock, end: Mark, tally: SegmentTally, outcome: RecoveryReport.Outcome
    ) {
        self.superblock = superblock
        self.end = end
        self.tally = tally
        self.outcome = outcome
    }

    /// The newest event that something read says was durable.
    package var knownDurableLSN: UInt64 { min(max(superblock.watermark.lsn, newestWatermark), end.lsn) }

    /// Has the log be what the segments show, from the first one on, and trusts the superblock for no place in them.
    mutating func goBySegments() {
        guard cut == nil, let first = segments.first else { return }
        superblockAsRead = superblockAsRead ?? superblock
        superblock.rebase(toBase: first.base, sequence: first.sequence)
    }

    /// The report of an open that did what the plan says.
    package func report(
        epoch: UInt32, durableLSN: UInt64, quarantined: [String], notKept: [String] = [], notRemoved: [String] = []
    ) -> RecoveryReport {
        var cutBytes: UInt64 = 0
        if let tail { cutBytes += UInt64(tail.range.count) }
        cutBytes = cutBytes.addingClamped(bytesDiscarded)
        var report = RecoveryReport(
            outcome: outcome, firstLSN: LSN(superblock.firstLSN), lastLSN: LSN(end.lsn), durableLSN: LSN(durableLSN),
            epoch: epoch, segmentCount: segments.count, segmentsScanned: segmentsScanned, bytesScanned: bytesScanned,
            bytesCut: cutBytes, quarantined: quarantined, notKept: notKept,
            removed: leftovers.filter { !notRemoved.contains($0) }, notRemoved: notRemoved, damage: damage)
        report.rows = rows
        report.lost = lost
        report.contradictions = contradictions
        return report
    }
}
