import Synchronization
import WalPlatform

extension LogStore {
    static func openReadOnly(
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
        var seen: SuperblockFile.Content?
        for _ in 0..<16 {
            // A cut moves what lies below a watermark that was read before it.
            let content = try? HeaderReader(storage: environment.storage, directory: directory).superblock()
            do {
                return try plan(directory, options: reading, environment: environment)
            } catch {
                guard error != last || content != seen else { throw error }
                last = error
                seen = content
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

    /// For a read-only store: looks again at what the writer has done since. Returns whether its end has moved: on, or back
    /// where the log was cut.
    package func refresh() throws(WalError) -> Bool {
        guard options.readOnly else { return false }
        // One at a time: an older view must not replace part of a newer one.
        return try syncState.withLock { (state) throws(WalError) -> Bool in
            let plan = try Self.settledPlan(directory, options: options, environment: environment)
            if plan.isNew { throw WalError(.notFound, "there is no log any more", path: directory) }
            var fresh = Self.readOnlyCatalog(plan, directory: directory)
            fresh.life = (plan.superblock.epoch, plan.superblock.incarnation)
            fresh.epochBeforeFirst = plan.superblock.epochBeforeFirst
            let wasCut = plan.superblock.cutEpoch != cutEpoch.load(ordering: .relaxed)
            state.superblock = plan.superblock
            tailFinding.withLock { $0 = (plan.outcome, plan.damage) }
            let oldest = max(plan.superblock.firstLSN, plan.segments.first?.base ?? 0)
            let moved = plan.end.lsn != written.load(ordering: .relaxed)
            catalog.withLock { catalog in
                fresh.cuts = catalog.cuts
                // Where is not known: readers look for themselves whether what they have read is still there.
                if wasCut { fresh.cuts.add(0) }
                catalog = fresh
                cutEpoch.store(plan.superblock.cutEpoch, ordering: .releasing)
                cutGeneration.store(fresh.cuts.generation, ordering: .releasing)
                first.store(oldest, ordering: .releasing)
                durable.store(plan.superblock.watermark.lsn, ordering: .releasing)
                written.store(plan.end.lsn, ordering: .releasing)
            }
            return moved || wasCut
        }
    }
}
