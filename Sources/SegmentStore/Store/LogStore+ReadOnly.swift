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
        let store = LogStore(
            directory: directory, options: options, environment: environment,
            report: plan.report(epoch: superblock.epoch, durableLSN: superblock.watermark.lsn, quarantined: []),
            lock: nil,
            superblock: superblock, file: nil, durable: superblock.watermark, unvouched: [], catalog: catalog,
            written: plan.end, active: nil)
        store.durable.store(plan.knownDurableLSN, ordering: .releasing)
        store.syncState.withLock { $0.tail = TailPlace(plan, catalog) }
        if plan.damage != nil {
            let firstLSN = (plan.superblockAsRead ?? plan.superblock).firstLSN
            store.setAside.withLock { $0 = (plan.front + plan.segments + plan.discarded, firstLSN) }
        }
        return store
    }

    /// Beside a live writer a negative verdict counts only if it comes twice: what was read may have been in motion.
    static func settledPlan(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment
    ) throws(WalError) -> RecoveryPlan {
        var reading = options
        reading.createIfMissing = false
        let headers = HeaderReader(storage: environment.storage, directory: directory)
        var looks = SecondLook()
        while true {
            // A cut moves what lies below a watermark that was read before it.
            let facts = headers.fileFacts()
            do throws(WalError) {
                let plan = try plan(pinned: directory, options: reading, environment: environment)
                // A writer that has come since it was looked for may be writing there, or have opened a log whose superblock was
                // read before.
                var doubts = plan.contradictions.map(\.place)
                if plan.outcome == .tornTail { doubts.append("torn tail") }
                guard !doubts.isEmpty, !looks.confirms(doubts, under: facts) else { return plan }
            } catch {
                guard !looks.confirms(error, under: facts) else { throw error }
            }
        }
    }

    /// - Parameter known: segments seen before, which stay the same objects, so that who reads one sees it grow.
    static func readOnlyCatalog(
        _ plan: RecoveryPlan, directory: String, known: SegmentList = SegmentList()
    ) -> Catalog {
        var catalog = Catalog()
        var place = 0
        var first = 0
        if known.isEmpty {
            let sealed = plan.segments.dropLast().prefix { $0.isSealed && $0.end == nil }
            catalog.segments = SegmentList(sealed, directory: directory)
            first = sealed.endIndex
        }
        for (index, found) in plan.segments.enumerated().dropFirst(first) {
            let isLast = index == plan.segments.count - 1
            let state: SegmentInfo.State = isLast ? .active : found.isSealed ? .sealed : .rolled
            while place < known.count, known.base(at: place) < found.base { place += 1 }
            let segment: Segment
            if place < known.count, known.base(at: place) == found.base, known.sequence(at: place) == found.sequence {
                segment = known[place]
                segment.info.withLock { info in
                    // From here on that of the file counts.
                    if state == .sealed, info.state != .sealed { info.index = nil }
                    info.state = state
                    if !isLast { info.end = found.end?.offset ?? info.end }
                }
            } else {
                segment = Segment(
                    base: found.base, sequence: found.sequence, directory: directory,
                    isCompressed: found.isCompressed, state: state,
                    end: isLast ? nil : found.end?.offset)
            }
            if isLast { segment.writtenEnd.store(plan.end.offset, ordering: .releasing) }
            catalog.segments.append(segment)
        }
        return catalog
    }

    /// For a read-only store: looks again at what the writer has done since. Returns whether its end has moved: on, or back
    /// where the log was cut.
    ///
    /// Costs what there is new; reads as much as opening does only where something else has happened than appends, rolls and
    /// truncations of old events.
    ///
    /// Throws `replaced` where the path leads to another log now, and `directoryRemoved` where the log's directory is gone; but
    /// not before all that is in the directory has been taken in.
    package func refresh() throws(WalError) -> Bool {
        guard options.readOnly else { return false }
        let hasMoved: Bool
        do {
            hasMoved = try lookAtWriter()
        } catch {
            // What has become of the directory says more than what could not be found in it.
            try checkWhereabouts()
            throw error
        }
        if hasMovedUnheard.exchange(false, ordering: .acquiringAndReleasing) || hasMoved { return true }
        try checkWhereabouts()
        return false
    }

    /// The same for a reader that met something which the last look does not explain: whoever refreshes next hears of it.
    func lookAgain() throws(WalError) {
        guard options.readOnly else { return }
        if try lookAtWriter() { hasMovedUnheard.store(true, ordering: .releasing) }
    }

    /// The path may lead elsewhere, or nowhere for a while: the directory is the log.
    private func checkWhereabouts() throws(WalError) {
        let whereabouts = try attempt("look at the log's directory") { () throws(StorageError) in
            try environment.directory?.whereabouts()
        }
        switch whereabouts {
        case .inPlace, .elsewhere, nil: return
        case .replaced:
            throw WalError(
                .replaced,
                "the path leads to another log now, and not to the one that was opened; open it again to read the new one",
                path: directory)
        case .removed: throw WalError(removed: directory, "could not look for new events")
        }
    }

    private func lookAtWriter() throws(WalError) -> Bool {
        // One at a time: an older view must not replace part of a newer one.
        return try syncState.withLock { (state) throws(WalError) -> Bool in
            if let moved = refreshForward(&state) { return moved }
            let plan = try Self.settledPlan(directory, options: options, environment: environment)
            if plan.isNew { throw WalError(.notFound, "there is no log any more", path: directory) }
            // A log that was cut, or is shorter than it was, has other files under the same names. A cut that was not finished
            // when it was last looked at has replaced one since.
            let wasCut =
                plan.superblock.cutEpoch != state.superblock.cutEpoch || state.superblock.cutKind != .none
            let goesOn = !wasCut && plan.end.lsn >= written.load(ordering: .relaxed)
            let known = goesOn ? catalog.withLock { $0.segments } : SegmentList()
            var fresh = Self.readOnlyCatalog(plan, directory: directory, known: known)
            fresh.life = (plan.superblock.epoch, plan.superblock.incarnation)
            fresh.epochBeforeFirst = plan.superblock.epochBeforeFirst
            let before = state.tail
            state.tail = TailPlace(plan, fresh)
            state.tail?.noteJudged(after: before, generation: plan.superblock.generation)
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
                let newest = plan.knownDurableLSN
                durable.store(goesOn ? max(durable.load(ordering: .relaxed), newest) : newest, ordering: .releasing)
                written.store(plan.end.lsn, ordering: .releasing)
            }
            // Which files are still the same is not looked into.
            opened.dropAll()
            return moved || wasCut
        }
    }
}
