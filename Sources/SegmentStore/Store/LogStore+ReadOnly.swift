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
