import WalPlatform

extension LogStore {
    /// Opens a log directory, or makes one: takes the lock, recovers, makes the new epoch durable. A read-only open takes no
    /// lock and changes nothing.
    package static func open(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore {
        try open(DirectoryPath(directory), options: options, environment: environment)
    }

    /// The same for a path that may be no UTF-8.
    package static func open(
        _ path: DirectoryPath, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore {
        let making = options.createIfMissing && !options.readOnly
        let (environment, isMade) = try environment.pinned(to: path, options, making: making)
        let directory = path.description
        if options.readOnly { return try openReadOnly(directory, options: options, environment: environment) }
        do throws(WalError) {
            return try openPinned(directory, options: options, environment: environment)
        } catch {
            // What kept the log from opening is what the caller must hear; an empty directory does no harm.
            if isMade { do { try environment.directory?.remove() } catch {} }
            throw error
        }
    }

    private static func openPinned(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore {
        try checkDirectory(directory, options: options, storage: environment.storage)
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
            guard plan.isNew else {
                return try activate(plan, directory: directory, options: options, environment: environment, lock: lock)
            }
            // Also where the directory was made by someone else, or by a try that was stopped before this.
            try syncParent(environment)
            return try removingIfRefused(in: directory, environment.storage) { () throws(WalError) in
                try activate(plan, directory: directory, options: options, environment: environment, lock: lock)
            }
        } catch {
            // What kept the log from opening is what the caller must hear.
            do { try lock.withdraw() } catch {}
            throw error
        }
    }

    /// Makes a new log; one that can't be made leaves no file behind.
    private static func removingIfRefused(
        in directory: String, _ storage: any Storage, _ body: () throws(WalError) -> LogStore
    ) throws(WalError) -> LogStore {
        let before = try attempt("list the log's directory") { () throws(StorageError) in
            Set(try storage.list(directory))
        }
        do throws(WalError) {
            return try body()
        } catch {
            // What can't be removed is an unfinished log, which the next open completes.
            do { try removeMade(since: before, in: directory, storage) } catch {}
            throw error
        }
    }

    /// Removes what making a log has made. The lock is held, so it was nobody else.
    private static func removeMade(
        since before: Set<String>, in directory: String, _ storage: any Storage
    ) throws {
        let made = try storage.list(directory).filter { !before.contains($0) && FileNames.isOfNewLog($0) }
        // Once the first epoch may be recorded the log is whole, or as good as that. Before, it may lack anything.
        if case .found(let superblock, _, _) = try? HeaderReader(storage: storage, directory: directory).superblock() {
            guard superblock.epoch == 0 else { return }
        } else {
            guard !made.contains(FileNames.superblock) else { return }
        }
        for name in made where name != FileNames.superblock { try storage.unlink(directory + "/" + name) }
        guard made.contains(FileNames.superblock) else { return }
        // Segments without a superblock would be taken for what is left of a log: they go first.
        try storage.syncDirectory(directory)
        try storage.unlink(directory + "/" + FileNames.superblock)
    }

    /// What `open` would find and do, without doing any of it.
    package static func plan(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment, deep: Bool = false
    ) throws(WalError) -> RecoveryPlan {
        try plan(DirectoryPath(directory), options: options, environment: environment, deep: deep)
    }

    /// The same for a path that may be no UTF-8.
    package static func plan(
        _ path: DirectoryPath, options: StoreOptions, environment: StoreEnvironment, deep: Bool = false
    ) throws(WalError) -> RecoveryPlan {
        let environment = try environment.pinned(to: path, options).environment
        return try plan(pinned: path.description, options: options, environment: environment, deep: deep)
    }

    /// The same in an environment that is the log's.
    static func plan(
        pinned directory: String, options: StoreOptions, environment: StoreEnvironment, deep: Bool = false
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

    /// Refuses a directory that is something else before so much as a lock file is put there.
    private static func checkDirectory(_ directory: String, options: StoreOptions, storage: any Storage)
        throws(WalError)
    {
        if hasSuperblock(directory, storage) { return }
        let listing = try attempt("list the log's directory") { () throws(StorageError) in
            SegmentListing(try storage.names(in: directory))
        }
        if !listing.isEmpty || listing.others.contains(FileNames.superblock) { return }
        if let stranger = listing.others.first(where: FileNames.isStranger) {
            throw WalError(
                .notALog,
                "the directory holds other files, such as \(stranger), and no log; name an empty or a new directory",
                path: directory)
        }
        guard options.createIfMissing else {
            throw WalError(.notFound, "the directory holds no log", path: directory)
        }
    }

    /// Whether there is a log for certain, which spares the look at all names. Whatever keeps the file from being opened is met
    /// again by who reads it.
    private static func hasSuperblock(_ directory: String, _ storage: any Storage) -> Bool {
        do throws(StorageError) {
            try storage.open(directory + "/" + FileNames.superblock, .readOnly).close()
            return true
        } catch {
            return false
        }
    }

    private static func syncParent(_ environment: StoreEnvironment) throws(WalError) {
        do throws(StorageError) {
            try environment.directory?.syncParent()
        } catch {
            // A parent that may be passed through but not read belongs to somebody else, who made this directory.
            guard error.isPermission else { throw error.wal("make the directory's name durable") }
        }
    }

    private static func activate(
        _ plan: RecoveryPlan, directory: String, options: StoreOptions, environment: StoreEnvironment,
        lock: any StorageLock
    ) throws(WalError) -> LogStore {
        guard plan.newestEpoch < UInt32.max - 1 else {
            throw WalError(.io, "the log has used up its epochs", path: directory)
        }
        let sequence = max(plan.segments.last?.sequence ?? 0, plan.superblock.activeSequence, plan.cut?.sequence ?? 0)
        guard plan.superblock.generation < Layout.counterReserve, sequence < Layout.counterReserve else {
            throw WalError(.io, "the log has used up its generations or its numbers of segments", path: directory)
        }
        if let damage = plan.damage { environment.notify(.corruption(damage)) }
        var apply = RecoveryApply(plan, directory: directory, environment: environment, options: options)
        let result = try apply.run()
        let end = apply.plan.end
        let checkpoints = CheckpointFolder(storage: environment.storage, directory: directory)
        // One that can't be removed now is in nobody's way: whoever saves that checkpoint again takes its name over.
        do { try checkpoints.removeLeftovers() } catch {}
        guard let active = result.writable.last, active.header.firstLSN == result.found.last?.base else {
            throw WalError(.corrupted, "recovery found no segment to write to", path: directory)
        }
        var catalog = Catalog()
        catalog.segments = segments(result, directory: directory)
        var unvouched: [(segment: WritableSegment, range: Range<UInt64>)] = []
        let watermark = result.superblock.watermark
        let watermarkSequence = watermarkSequence(result)
        for writable in result.writable.dropLast() {
            if writable.header.sequence >= watermarkSequence {
                catalog.unsettled.append(writable)
            } else {
                catalog.unsealed.append(writable)
            }
        }
        for writable in result.writable where writable.header.sequence >= watermarkSequence {
            let start = writable.segment.base == watermark.segment ? watermark.offset : 0
            if start < writable.chain.offset { unvouched.append((writable, start..<writable.chain.offset)) }
        }
        active.publish()
        catalog.active = active
        let durable = watermark
        var report = apply.plan.report(
            epoch: result.superblock.epoch, durableLSN: durable.lsn, quarantined: result.quarantined,
            notKept: result.notKept, notRemoved: result.notRemoved)
        report.locksFileAlone = !lock.coversDirectory
        let store = LogStore(
            directory: directory, options: options, environment: environment, report: report, lock: lock,
            superblock: result.superblock, file: result.superblockFile, durable: durable, unvouched: unvouched,
            catalog: catalog, written: end, active: active)
        // An unfinished file is in nobody's way but that of the next one of its name, which takes it over.
        for name in result.notRemoved where !FileNames.isTemporary(name) { store.noteLeftover(name) }
        if let failure = result.removalFailure { environment.notify(.refused(failure)) }
        return store
    }

    private static func segments(_ result: RecoveryApply.Result, directory: String) -> SegmentList {
        let open = result.writable.first?.segment.base ?? .max
        let sealed = result.found[..<result.found.partitionPoint { $0.base >= open }]
        var segments = SegmentList(sealed, directory: directory)
        var writable = result.writable[...]
        for found in result.found[sealed.endIndex...] {
            if let next = writable.first, next.segment.base == found.base {
                segments.append(next.segment)
                writable.removeFirst()
            } else {
                segments.append(
                    Segment(
                        base: found.base, sequence: found.sequence, directory: directory,
                        isCompressed: found.isCompressed, state: .sealed))
            }
        }
        return segments
    }

    private static func watermarkSequence(_ result: RecoveryApply.Result) -> UInt64 {
        let index = result.found.partitionPoint { $0.base >= result.superblock.watermark.segment }
        guard index < result.found.count, result.found[index].base == result.superblock.watermark.segment else {
            return 0
        }
        return result.found[index].sequence
    }
}
