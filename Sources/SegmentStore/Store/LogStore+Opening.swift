import WalPlatform

extension LogStore {
    /// Opens a log directory, or makes one: takes the lock, recovers, makes the new epoch durable. A read-only open takes no
    /// lock and changes nothing.
    package static func open(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> LogStore {
        let environment = environment.confined(to: directory, options)
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
        let environment = environment.confined(to: directory, options)
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
        if hasSuperblock(directory, storage) { return }
        do {
            let listing = SegmentListing(try storage.names(in: directory))
            if !listing.isEmpty || listing.others.contains(FileNames.superblock) { return }
            if let stranger = listing.others.first(where: { !FileNames.isKnown($0) }) {
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
        let report = apply.plan.report(
            epoch: result.superblock.epoch, durableLSN: durable.lsn, quarantined: result.quarantined,
            notKept: result.notKept)
        return LogStore(
            directory: directory, options: options, environment: environment, report: report, lock: lock,
            superblock: result.superblock, file: result.superblockFile, durable: durable, unvouched: unvouched,
            catalog: catalog, written: end, active: active)
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
