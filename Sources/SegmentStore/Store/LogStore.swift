package import Synchronization
package import WalPlatform

/// One log directory: its segments, superblock and lock. Pure steps without a thread, clock or random source of its own.
///
/// Who may call what: the writer's steps (`write`, `rotate`) by one caller at a time; the maintenance steps by the holder of
/// `maintenanceLock`, concurrently with the writer; `work` and compressing by anyone; all else by anyone.
///
/// Locks, in the order in which they may be taken: `workLock` (across a slice of work on bytes that don't change),
/// `maintenanceLock`, which the caller takes and `work` to publish what it has made, `checkpointDesk.holds` (across a pass of
/// retention), `syncState` (held across syncs, so that a failed one is published before any other can succeed), `spare` (across the
/// making of the spare), `catalog` (for publishing only), `opened`'s, a segment's `info`, `failed`. Those that are held during
/// system calls go to whoever waits in the order of asking.
package final class LogStore: Sendable {
    /// Held across every sync of segments and every superblock update.
    struct SyncState: Sendable {
        var superblock: Superblock
        var file: SuperblockFile?
        var durable: Mark
        /// Ranges that recovery read and nothing vouches for: they may exist in memory only, and are written again.
        var unvouched: [(segment: WritableSegment, range: Range<UInt64>)]
        var isClosed = false
        /// Of a store opened for reading.
        var tail: TailPlace?
    }

    /// What the writer's steps own.
    ///
    /// Touched only by the one caller of the writer's steps; hence `@unchecked Sendable`.
    final class WriterState: @unchecked Sendable {
        var active: WritableSegment?
        /// The last, partly filled page of the active segment, so that large writes can begin on a page boundary.
        let tailPage = UnsafeMutableRawPointer.allocate(byteCount: Layout.blockSize, alignment: Layout.blockSize)
        var tailPageOffset: UInt64?
        var headers: [FrameHeader] = []
        /// A group for which there was no room.
        var stuck: StuckGroup?
        /// Whether a roll was begun whose new name may be there: no frame goes into the old segment any more.
        var mustRoll = false
        /// A cut that is decided and not yet carried out.
        var cut: DecidedCut?
        /// What new frames bear.
        var epoch: UInt32 = 0
        var incarnation: UInt64 = 0

        deinit { tailPage.deallocate() }
    }

    package let directory: String
    package let options: StoreOptions
    package let environment: StoreEnvironment
    package let report: RecoveryReport
    package let largestUnit: Int
    let lock: (any StorageLock)?
    let identity: LogIdentity

    let writer = WriterState()
    let syncState: FairlyGuarded<SyncState>
    let spare = FairlyGuarded<SpareSegment?>(nil)
    let catalog: Guarded<Catalog>
    let failed = Guarded<WalError?>(nil)
    /// Makes its holder the one caller of the maintenance steps, of truncation and of retention.
    package let maintenanceLock = FairLock()
    /// Held during a slice of the work that nobody else has to wait for.
    package let workLock = FairLock()
    /// Held by the one background step that has a large event in memory. Below all other locks.
    let largeFrames = FairLock()
    /// With `workLock` held.
    let worker = WorkState()
    /// Whether a segment was begun since the log was opened: the next may be wanted at any time.
    let hasRolled = Atomic<Bool>(false)
    /// Whether so many segments wait to be sealed that the writer is to do its part.
    package let isSealingOverdue = Atomic<Bool>(false)
    /// Whether there may be something to compress by policy: another segment was sealed.
    let compressionIsDue = Atomic<Bool>(true)
    let checkpointDesk = CheckpointDesk()
    let leftovers = Guarded(Leftovers())
    /// Sealed segments as readers found them.
    package let opened: SegmentCache
    /// Segments as followers have them open.
    let followed = SharedFiles()
    let retentionClock: RetentionClock
    /// Whether the facts of the segments found at open were looked at.
    let hasPreparedRetention = Atomic<Bool>(false)

    /// What the last look at the log's end found; moves on with `refresh`.
    let tailFinding: Guarded<(outcome: RecoveryReport.Outcome, damage: WalError?)>

    /// Of a log opened for reading that is damaged: all segment files, those that recovery does not come to included.
    let setAside = Guarded<(segments: [RecoveryPlan.Found], firstLSN: UInt64)>(([], 0))
    /// Of a store opened for reading: a reader has found its end moved, and nobody who refreshes has heard of it.
    let hasMovedUnheard = Atomic<Bool>(false)

    /// Of a store opened for reading: a reader has found its end moved, and nobody who refreshes has heard of it.
    let hasMovedUnheard = Atomic<Bool>(false)

    let first: Atomic<UInt64>
    let written: Atomic<UInt64>
    let durable: Atomic<UInt64>
    let hasFailed = Atomic<Bool>(false)
    /// A write failed for want of room: bytes behind the end may be anything, so the next close is not a clean one.
    let hasSuspectTail = Atomic<Bool>(false)
    /// Whether a cut is decided and could not be carried out: nothing else is changed until `finishCut` has done it.
    let unfinishedCut = Atomic<Bool>(false)
    let activeOffset: Atomic<UInt64>
    /// The catalogue's `cuts.generation`, for readers to look at without its lock. Stored under the lock.
    let cutGeneration = Atomic<UInt64>(0)
    /// The superblock's: the epoch to which the newest cut raised the log.
    let cutEpoch: Atomic<UInt32>
    let unsynced = Atomic<UInt64>(0)
    /// The time of the frame written last since the log was opened; `Int64.min` if there was none.
    let lastFrameTime = Atomic<Int64>(.min)

    init(
        directory: String, options: StoreOptions, environment: StoreEnvironment, report: RecoveryReport,
        lock: (any StorageLock)?, superblock: Superblock, file: SuperblockFile?, durable: Mark,
        unvouched: [(segment: WritableSegment, range: Range<UInt64>)], catalog: Catalog, written: Mark,
        active: WritableSegment?
    ) {
        retentionClock = RetentionClock(environment)
        opened = SegmentCache(segmentsMax: options.readOnly ? 0 : SegmentCache.segmentsMax)
        self.directory = directory
        self.options = options
        self.environment = environment
        self.report = report
        tailFinding = Guarded((report.outcome, report.damage))
        self.lock = lock
        identity = superblock.identity
        syncState = FairlyGuarded(SyncState(superblock: superblock, file: file, durable: durable, unvouched: unvouched))
        var catalog = catalog
        catalog.life = (superblock.epoch, superblock.incarnation)
        catalog.epochBeforeFirst = superblock.epochBeforeFirst
        self.catalog = Guarded(catalog)
        cutEpoch = Atomic(superblock.cutEpoch)
        writer.epoch = superblock.epoch
        writer.incarnation = superblock.incarnation
        first = Atomic(superblock.firstLSN)
        self.written = Atomic(written.lsn)
        self.durable = Atomic(durable.lsn)
        activeOffset = Atomic(written.offset)
        writer.active = active
        let limit = options.padding.largestBody(
            Layout.framesLimit(segmentSize: options.segmentSize, indexSpacing: options.indexSpacing))
        if let active, active.isEmpty {
            // An empty active segment made with a smaller size can't roll: it limits the unit until the log is reopened.
            largestUnit = min(limit, options.padding.largestBody(active.header.framesLimit))
        } else {
            largestUnit = limit
        }
    }

    /// The oldest event kept; one above `writtenLSN` if the log is empty.
    package var firstLSN: UInt64 { first.load(ordering: .acquiring) }
    /// The newest event in the file; one below `firstLSN` if the log is empty. Goes back only where truncate(after:) cuts.
    package var writtenLSN: UInt64 { written.load(ordering: .acquiring) }
    /// The newest event on stable storage. Goes back only where truncate(after:) cuts.
    package var durableLSN: UInt64 { durable.load(ordering: .acquiring) }
    /// Bytes of frames written since the last sync.
    package var unsyncedBytes: UInt64 { unsynced.load(ordering: .relaxed) }
    /// The first cause, once the store has failed.
    package var failure: WalError? { hasFailed.load(ordering: .acquiring) ? failed.withLock { $0 } : nil }

    /// Whether a cut is decided and waits for `finishCut`.
    package var hasUnfinishedCut: Bool { unfinishedCut.load(ordering: .acquiring) }

    var maker: SegmentMaker {
        var maker = SegmentMaker(directory: directory, environment: environment, options: options)
        maker.largeFrames = largeFrames
        return maker
    }
    var storage: any Storage { environment.storage }
    func path(_ name: String) -> String { directory + "/" + name }
}

// MARK: - Failure

extension LogStore {
    /// Marks the store as failed with its first cause, which is returned: nobody knows what the disk holds now.
    func poison(_ error: StorageError, _ doing: String) -> WalError {
        let cause = error.wal(doing)
        // Of a directory that is gone it is known.
        let failure =
            cause.code == .directoryRemoved
            ? cause
            : WalError(
                .failed, "\(cause.message); what the disk holds is unknown: close the log and open it again",
                path: cause.path,
                errno: cause.errno)
        return failed.withLock { first in
            if let first { return first }
            first = failure
            hasFailed.store(true, ordering: .releasing)
            return failure
        }
    }

    /// Fails the store if its directory has been removed: what is written from now on goes with the last descriptor. To be called
    /// now and then while events come in, not for each of them.
    package func checkDirectory() throws(WalError) {
        guard !options.readOnly, !hasFailed.load(ordering: .acquiring) else { return }
        if let gone = try attempt("look at the log's directory", removal) { throw poison(gone, "go on") }
    }

    /// The error to tell, if the directory has been removed.
    func removal() throws(StorageError) -> StorageError? {
        guard let log = environment.directory, try log.isRemoved() else { return nil }
        return StorageError(removed: directory, .openDirectory)
    }

    func checkUsable() throws(WalError) {
        if let failure { throw failure }
        if options.readOnly { throw WalError(.readOnly, "the log was opened for reading only", path: directory) }
        if hasUnfinishedCut {
            throw WalError(
                .unavailable, "truncate(after:) has begun and waits for the system to let it go on", path: directory)
        }
    }
}
