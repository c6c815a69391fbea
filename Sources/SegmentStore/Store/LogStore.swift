import Synchronization
import WalPlatform

/// One log directory: its segments, superblock and lock. Pure steps without a thread, clock or random source of its own.
///
/// Who may call what: the writer's steps (`write`, `rotate`) by one caller at a time; the maintenance steps by one caller
/// at a time, concurrently with the writer; all else by anyone.
///
/// Locks, in the order in which they may be taken: `syncState` (held across syncs, so that a failed one is published
/// before any other can succeed), `spare` (across the making of the spare), `catalog` (for publishing only), `failed`.
package final class LogStore: Sendable {
    /// Held across every sync of segments and every superblock update.
    struct SyncState: Sendable {
        var superblock: Superblock
        var file: SuperblockFile?
        var durable: Mark
        /// Ranges that recovery read and nothing vouches for: they may exist in memory only, and are written again.
        var unvouched: [(segment: WritableSegment, range: Range<UInt64>)]
        var isClosed = false
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

        deinit { tailPage.deallocate() }
    }

    package let directory: String
    package let options: StoreOptions
    package let environment: StoreEnvironment
    package let report: RecoveryReport
    package let largestUnit: Int
    let lock: (any StorageLock)?
    let epoch: UInt32
    let incarnation: UInt64
    let identity: LogIdentity

    let writer = WriterState()
    let syncState: Guarded<SyncState>
    let spare = Guarded<SpareSegment?>(nil)
    let catalog: Guarded<Catalog>
    let failed = Guarded<WalError?>(nil)

    /// What the last look at the log's end found; moves on with `refresh`.
    let tailFinding: Guarded<(outcome: RecoveryReport.Outcome, damage: WalError?)>

    let first: Atomic<UInt64>
    let written: Atomic<UInt64>
    let durable: Atomic<UInt64>
    let hasFailed = Atomic<Bool>(false)
    /// A write failed for want of room: bytes behind the end may be anything, so the next close is not a clean one.
    let hasSuspectTail = Atomic<Bool>(false)
    let activeOffset: Atomic<UInt64>
    let unsynced = Atomic<UInt64>(0)

    private init(
        directory: String, options: StoreOptions, environment: StoreEnvironment, report: RecoveryReport,
        lock: (any StorageLock)?, superblock: Superblock, file: SuperblockFile?, durable: Mark,
        unvouched: [(segment: WritableSegment, range: Range<UInt64>)], catalog: Catalog, written: Mark,
        active: WritableSegment?
    ) {
        self.directory = directory
        self.options = options
        self.environment = environment
        self.report = report
        tailFinding = Guarded((report.outcome, report.damage))
        self.lock = lock
        epoch = superblock.epoch
        incarnation = superblock.incarnation
        identity = superblock.identity
        syncState = Guarded(SyncState(superblock: superblock, file: file, durable: durable, unvouched: unvouched))
        self.catalog = Guarded(catalog)
        first = Atomic(superblock.firstLSN)
        self.written = Atomic(written.lsn)
        self.durable = Atomic(durable.lsn)
        activeOffset = Atomic(written.offset)
        writer.active = active
        let limit = Layout.largestBody(segmentSize: options.segmentSize, indexSpacing: options.indexSpacing)
        if let active, active.isEmpty {
            // An empty active segment made with a smaller size can't roll: it limits the unit until the log is reopened.
            largestUnit = min(limit, Int(active.header.framesLimit) - Layout.blockSize - Layout.frameHeaderSize)
        } else {
            largestUnit = limit
        }
    }

    /// The oldest event kept; one above `writtenLSN` if the log is empty.
    package var firstLSN: UInt64 { first.load(ordering: .acquiring) }
    /// The newest event in the file; one below `firstLSN` if the log is empty.
    package var writtenLSN: UInt64 { written.load(ordering: .acquiring) }
    /// The newest event on stable storage.
    package var durableLSN: UInt64 { durable.load(ordering: .acquiring) }
    /// Bytes of frames written since the last sync.
    package var unsyncedBytes: UInt64 { unsynced.load(ordering: .relaxed) }
    /// The first cause, once the store has failed.
    package var failure: WalError? { hasFailed.load(ordering: .acquiring) ? failed.withLock { $0 } : nil }

    var maker: SegmentMaker { SegmentMaker(directory: directory, environment: environment, options: options) }
    var storage: any Storage { environment.storage }
    func path(_ name: String) -> String { directory + "/" + name }
}

// MARK: - Opening

extension LogStore {
    /// Opens a log directory, or makes one: takes the lock, recovers, makes the new epoch durable. A read-only open takes no
    /// lock and changes nothing.
    package static func open(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore {
        if options.readOnly { return try openReadOnly(directory, options: options, environment: environment) }
        try prepareDirectory(directory, options: options, storage: environment.storage)
        let lock = try attempt("lock the log") { () throws(StorageError) in
            try environment.storage.lock(directory + "/" + FileNames.lock)
        }
        do throws(WalError) {
            guard try attempt("look at the lock", { () throws(StorageError) in try lock.isCurrent() }) else {
                throw WalError(
                    .locked, "the lock file was replaced while it was being taken; try again", path: directory)
            }
            let planner = RecoveryPlanner(
                storage: environment.storage, directory: directory, options: options, writerIsLive: false,
                flaws: environment.flaws)
            let plan = try planner.plan { newSuperblock(options, environment) }
            if plan.isNew {
                // Also where the directory was made by someone else, or by a try that was stopped before this.
                try syncParent(of: directory, storage: environment.storage)
            }
            return try activate(plan, directory: directory, options: options, environment: environment, lock: lock)
        } catch {
            // What kept the log from opening is what the caller must hear.
            do { try lock.release() } catch {}
            throw error
        }
    }

    /// What `open` would find and do, without doing any of it.
    package static func plan(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment, deep: Bool = false
    ) throws(WalError) -> RecoveryPlan {
        let live = try attempt("look at the lock") { () throws(StorageError) in
            try environment.storage.isLocked(directory + "/" + FileNames.lock)
        }
        let planner = RecoveryPlanner(
            storage: environment.storage, directory: directory, options: options, writerIsLive: live,
            flaws: environment.flaws)
        let new = { newSuperblock(options, environment) }
        return deep ? try planner.deepPlan(makeNew: new) : try planner.plan(makeNew: new)
    }

    static func newSuperblock(_ options: StoreOptions, _ environment: StoreEnvironment) -> Superblock {
        Superblock(
            identity: LogIdentity(high: environment.random(), low: environment.random()), startLSN: options.startLSN,
            created: environment.now())
    }

    /// Makes the directory if it may; refuses one that is something else before so much as a lock file is put there.
    private static func prepareDirectory(_ directory: String, options: StoreOptions, storage: any Storage)
        throws(WalError)
    {
        do {
            let names = try storage.list(directory)
            if names.contains(FileNames.superblock) || names.contains(where: { FileNames.base(ofSegment: $0) != nil }) {
                return
            }
            if let stranger = names.sorted().first(where: { !FileNames.isKnown($0) }) {
                throw WalError(
                    .notALog,
                    "the directory holds other files, such as \(stranger), and no log; name an empty or a new directory",
                    path: directory)
            }
            guard options.createIfMissing else {
                throw WalError(.notFound, "the directory holds no log", path: directory)
            }
        } catch let error as StorageError {
            guard error.isNotFound, options.createIfMissing else { throw error.wal("open the log's directory") }
            try attempt("make the log's directory") { () throws(StorageError) in
                try storage.createDirectory(directory)
            }
        } catch let error as WalError {
            throw error
        } catch {
            throw WalError(.io, "could not open the log's directory: \(error)", path: directory)
        }
    }

    private static func syncParent(of directory: String, storage: any Storage) throws(WalError) {
        do throws(StorageError) {
            try storage.syncDirectory(parent(of: directory))
        } catch {
            // A parent that may be passed through but not read belongs to somebody else, who made this directory.
            guard error.isPermission else { throw error.wal("make the directory's name durable") }
        }
    }

    private static func parent(of directory: String) -> String {
        var path = Substring(directory)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func activate(
        _ plan: RecoveryPlan, directory: String, options: StoreOptions, environment: StoreEnvironment,
        lock: any StorageLock
    ) throws(WalError) -> LogStore {
        guard plan.newestEpoch < UInt32.max - 1 else {
            throw WalError(.io, "the log has used up its epochs", path: directory)
        }
        if let damage = plan.damage { environment.notify(.corruption(damage)) }
        var apply = RecoveryApply(plan, directory: directory, environment: environment, options: options)
        let result = try apply.run()
        let end = apply.plan.end
        guard let active = result.segments.last ?? nil else {
            throw WalError(.corrupted, "recovery found no segment to write to", path: directory)
        }
        var catalog = Catalog()
        for (found, writable) in zip(result.found, result.segments) {
            catalog.segments.append(
                writable?.segment
                    ?? Segment(
                        base: found.base, sequence: found.sequence, path: directory + "/" + found.name, state: .sealed))
        }
        var unvouched: [(segment: WritableSegment, range: Range<UInt64>)] = []
        let watermark = result.superblock.watermark
        for case let writable? in result.segments.dropLast() {
            if writable.header.sequence >= watermarkSequence(result) {
                catalog.unsettled.append(writable)
            } else {
                catalog.unsealed.append(writable)
            }
        }
        for case let writable? in result.segments where writable.header.sequence >= watermarkSequence(result) {
            let start = writable.segment.base == watermark.segment ? watermark.offset : 0
            if start < writable.chain.offset { unvouched.append((writable, start..<writable.chain.offset)) }
        }
        active.publish()
        catalog.active = active
        let durable = watermark
        let report = apply.plan.report(
            epoch: result.superblock.epoch, durableLSN: durable.lsn, quarantined: result.quarantined,
            notKept: result.notKept)
        return LogStore(
            directory: directory, options: options, environment: environment, report: report, lock: lock,
            superblock: result.superblock, file: result.superblockFile, durable: durable, unvouched: unvouched,
            catalog: catalog, written: end, active: active)
    }

    private static func watermarkSequence(_ result: RecoveryApply.Result) -> UInt64 {
        result.found.first { $0.base == result.superblock.watermark.segment }?.sequence ?? 0
    }

    // MARK: Reading only

    private static func openReadOnly(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore {
        let plan = try settledPlan(directory, options: options, environment: environment)
        if plan.isNew { throw WalError(.notFound, "there is no log", path: directory) }
        let catalog = readOnlyCatalog(plan, directory: directory)
        var superblock = plan.superblock
        superblock.firstLSN = max(superblock.firstLSN, plan.segments.first?.base ?? superblock.firstLSN)
        return LogStore(
            directory: directory, options: options, environment: environment,
            report: plan.report(epoch: superblock.epoch, durableLSN: superblock.watermark.lsn, quarantined: []),
            lock: nil,
            superblock: superblock, file: nil, durable: superblock.watermark, unvouched: [], catalog: catalog,
            written: plan.end, active: nil)
    }

    /// Beside a live writer a negative verdict counts only if it comes twice: what was read may have been in motion.
    static func settledPlan(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> RecoveryPlan {
        var reading = options
        reading.createIfMissing = false
        var last: WalError?
        for _ in 0..<16 {
            do {
                return try plan(directory, options: reading, environment: environment)
            } catch {
                guard error != last else { throw error }
                last = error
            }
        }
        throw WalError(.io, "the log changed too often to be read; try again", path: directory)
    }

    static func readOnlyCatalog(_ plan: RecoveryPlan, directory: String) -> Catalog {
        var catalog = Catalog()
        for (index, found) in plan.segments.enumerated() {
            let isLast = index == plan.segments.count - 1
            let segment = Segment(
                base: found.base, sequence: found.sequence, path: directory + "/" + found.name,
                state: isLast ? .active : found.isSealed ? .sealed : .rolled, end: isLast ? nil : found.end?.offset)
            if isLast { segment.writtenEnd.store(plan.end.offset, ordering: .releasing) }
            catalog.segments.append(segment)
        }
        return catalog
    }

    /// For a read-only store: looks again at what the writer has done since. Returns whether there are new events.
    package func refresh() throws(WalError) -> Bool {
        guard options.readOnly else { return false }
        // One at a time: an older view must not replace part of a newer one.
        return try syncState.withLock { (state) throws(WalError) -> Bool in
            let plan = try Self.settledPlan(directory, options: options, environment: environment)
            if plan.isNew { throw WalError(.notFound, "there is no log any more", path: directory) }
            let fresh = Self.readOnlyCatalog(plan, directory: directory)
            state.superblock = plan.superblock
            tailFinding.withLock { $0 = (plan.outcome, plan.damage) }
            let oldest = max(plan.superblock.firstLSN, plan.segments.first?.base ?? 0)
            let moved = plan.end.lsn != written.load(ordering: .relaxed)
            catalog.withLock { catalog in
                catalog = fresh
                first.store(oldest, ordering: .releasing)
                durable.store(plan.superblock.watermark.lsn, ordering: .releasing)
                written.store(plan.end.lsn, ordering: .releasing)
            }
            return moved
        }
    }
}

// MARK: - Failure

extension LogStore {
    /// Marks the store as failed with its first cause, which is returned: nobody knows what the disk holds now.
    func poison(_ error: StorageError, _ doing: String) -> WalError {
        let cause = error.wal(doing)
        let failure = WalError(
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

    func checkUsable() throws(WalError) {
        if let failure { throw failure }
        if options.readOnly { throw WalError(.readOnly, "the log was opened for reading only", path: directory) }
    }
}
