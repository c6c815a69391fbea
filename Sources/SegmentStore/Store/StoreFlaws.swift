/// Planted bugs, for tests only: each switch breaks one rule of the protocol, to show that crash exploration notices.
///
/// Empty outside tests. None is looked at once per event; most are looked at once per sync, roll or open.
package struct StoreFlaws: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    // MARK: Durability

    /// durableLSN moves before the segment is synced.
    package static let acknowledgesBeforeSync = Self(rawValue: 1 << 0)
    /// durableLSN passes into a rolled-to segment whose name is not on stable storage.
    package static let skipsDirectorySyncOnRoll = Self(rawValue: 1 << 1)
    /// durableLSN passes the end of a rolled segment that was not synced.
    package static let skipsSyncOfRolledSegment = Self(rawValue: 1 << 2)
    /// durableLSN passes into a rolled-to segment that was not synced.
    package static let skipsSyncOfNewSegment = Self(rawValue: 1 << 3)
    /// The superblock does not hear of a roll.
    package static let skipsSuperblockOnRoll = Self(rawValue: 1 << 4)
    /// A rolled segment is sealed before it is settled.
    package static let sealsBeforeSettling = Self(rawValue: 1 << 5)
    /// Frames and segment headers carry the written LSN as their watermark.
    package static let stampsWrittenLSN = Self(rawValue: 1 << 6)
    /// The superblock gets the written position as its watermark.
    package static let recordsWrittenPosition = Self(rawValue: 1 << 7)
    /// A clean close is recorded without syncing what was written.
    package static let closesWithoutSync = Self(rawValue: 1 << 8)

    /// The superblock hears of a roll before the new segment's name is on stable storage.
    package static let recordsRollBeforeNames = Self(rawValue: 1 << 27)
    /// What is written while a sync runs passes for synced.
    package static let marksEndAfterSync = Self(rawValue: 1 << 28)
    /// A log that pads does not: neither are sectors filled, nor are header blocks synced before they get their names.
    package static let skipsPadding = Self(rawValue: 1 << 62)
    /// A sync that failed is made again, as if the second one's success meant anything.
    package static let retriesFailedSync = Self(rawValue: 1 << 29)

    // MARK: Superblock and truncation

    /// Superblock updates are not synced.
    package static let skipsSyncOfSuperblock = Self(rawValue: 1 << 9)
    /// Both superblock slots are written before the first of them is synced.
    package static let writesBothSlotsAtOnce = Self(rawValue: 1 << 10)
    /// Truncated segments are unlinked before the new low mark is on stable storage.
    package static let unlinksBeforeLowMark = Self(rawValue: 1 << 11)
    /// The low mark may pass what is on stable storage.
    package static let truncatesWithoutSync = Self(rawValue: 1 << 12)
    /// A new log's names are not made durable.
    package static let createsWithoutDirectorySync = Self(rawValue: 1 << 13)

    /// The superblock's generation stays the same.
    package static let reusesGeneration = Self(rawValue: 1 << 30)
    /// Of two superblock slots, of which one is damaged, the other is overwritten first.
    package static let overwritesWholeSlotFirst = Self(rawValue: 1 << 31)
    /// A truncation removes the segment that holds the new first event, too.
    package static let removesFirstSegmentKept = Self(rawValue: 1 << 36)
    /// After an update that could not be written memory says that it was.
    package static let keepsUnwrittenUpdate = Self(rawValue: 1 << 37)

    // MARK: Recovery

    /// Reading takes a frame whose header fails its checksum.
    package static let ignoresHeaderChecksum = Self(rawValue: 1 << 38)
    /// A watermark behind the end proves nothing.
    package static let ignoresWatermarks = Self(rawValue: 1 << 39)
    /// Segments behind a torn tail stay.
    package static let keepsTornSegments = Self(rawValue: 1 << 55)
    /// The epoch of an open is not written down before the first append.
    package static let skipsRecordingEpoch = Self(rawValue: 1 << 56)
    /// A file that ends before its own size is taken for a log that ends there.
    package static let trustsShortRead = Self(rawValue: 1 << 57)
    /// Recovery takes a frame whose body fails its checksum.
    package static let ignoresBodyChecksum = Self(rawValue: 1 << 14)
    /// Reading takes a frame that is not linked to the one before it.
    package static let ignoresLink = Self(rawValue: 1 << 15)
    /// Reading takes a frame of a lower epoch, or of another incarnation, than the one before it.
    package static let ignoresEpoch = Self(rawValue: 1 << 16)
    /// A torn tail stays behind the end of the log.
    package static let leavesTornTail = Self(rawValue: 1 << 17)
    /// Opening keeps the epoch of the life before.
    package static let keepsEpoch = Self(rawValue: 1 << 18)
    /// Opening leaves the mark of a clean close in place.
    package static let keepsCleanFlag = Self(rawValue: 1 << 19)
    /// That the next segment exists is taken as proof that this one is whole.
    package static let trustsSuccessor = Self(rawValue: 1 << 20)
    /// Unfinished files of an earlier life stay.
    package static let keepsLeftovers = Self(rawValue: 1 << 21)
    /// A torn tail is overwritten with zeros that are not synced.
    package static let skipsSyncOfErasedTail = Self(rawValue: 1 << 22)
    /// What recovery read above the watermark is not written again.
    package static let skipsRewrite = Self(rawValue: 1 << 23)

    // MARK: Point-in-time repair

    /// A repair is not stated in the superblock before it begins.
    package static let skipsStatingCut = Self(rawValue: 1 << 24)
    /// What a repair puts aside is not made durable.
    package static let quarantinesWithoutSync = Self(rawValue: 1 << 25)
    /// A repaired segment takes its name before it is synced.
    package static let replacesWithoutSync = Self(rawValue: 1 << 26)

    // MARK: truncate(after:)

    /// A cut is carried out without being stated in the superblock.
    package static let cutsWithoutStating = Self(rawValue: 1 << 40)
    /// A cut is stated after later segments have gone.
    package static let statesCutLate = Self(rawValue: 1 << 41)
    /// The segment that is cut keeps its salt.
    package static let keepsSaltOfCutSegment = Self(rawValue: 1 << 42)
    /// The compressed form of the segment that is cut stays.
    package static let keepsTwinOfCutSegment = Self(rawValue: 1 << 43)
    /// A cut begins no new epoch.
    package static let keepsEpochAtCut = Self(rawValue: 1 << 44)
    /// What a cut keeps is not made durable first.
    package static let cutsWithoutSync = Self(rawValue: 1 << 45)
    /// The statement of a cut leaves the watermark above it.
    package static let keepsWatermarkAboveCut = Self(rawValue: 1 << 46)
    /// Segments behind the cut stay.
    package static let keepsSegmentsBehindCut = Self(rawValue: 1 << 47)

    // MARK: Compression

    /// A raw segment goes before the name of its compressed file is on stable storage.
    package static let unlinksRawBeforeDirectorySync = Self(rawValue: 1 << 32)
    /// A compressed segment is not read back before the raw one goes.
    package static let skipsReadBack = Self(rawValue: 1 << 33)
    /// A segment that was removed or replaced while it was being compressed gets its compressed file all the same.
    package static let publishesRemovedSegment = Self(rawValue: 1 << 34)
    /// A compressed segment takes its name before it is synced.
    package static let renamesCompressedBeforeSync = Self(rawValue: 1 << 35)

    // MARK: Checkpoints and retention

    /// A checkpoint is overwritten where it lies.
    package static let overwritesCheckpoint = Self(rawValue: 1 << 58)
    /// A checkpoint takes its name before its file is synced.
    package static let checkpointsWithoutSync = Self(rawValue: 1 << 48)
    /// A checkpoint's new name is not made durable.
    package static let checkpointsWithoutDirectorySync = Self(rawValue: 1 << 49)
    /// A checkpoint is saved for an event that is not on stable storage.
    package static let checkpointsBeforeDurable = Self(rawValue: 1 << 50)
    /// The folder of checkpoints is not made durable.
    package static let makesCheckpointFolderWithoutSync = Self(rawValue: 1 << 51)
    /// The removal of a checkpoint is not made durable.
    package static let removesCheckpointsWithoutSync = Self(rawValue: 1 << 52)
    /// Retention doesn't ask what the checkpoints hold back.
    package static let dropsPastCheckpoints = Self(rawValue: 1 << 53)
    /// Recovery doesn't ask the checkpoints what must be there.
    package static let ignoresCheckpointsAsProof = Self(rawValue: 1 << 54)

    // MARK: Group commit, in the layer above

    /// Who waits for durability is answered once the event is written.
    package static let answersBeforeSync = Self(rawValue: 1 << 59)
    /// A sync wakes those whom the next one covers.
    package static let wakesNextGeneration = Self(rawValue: 1 << 60)
    /// A shutdown leaves what is queued.
    package static let dropsQueueAtShutdown = Self(rawValue: 1 << 61)
    /// A failure wakes nobody.
    package static let leavesWaitersAsleep = Self(rawValue: 1 << 63)
}
