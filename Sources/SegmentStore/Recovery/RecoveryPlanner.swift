import WalPlatform

/// Reads the directory and the superblock, checks that no segment is missing, and has the end of the log found.
package struct RecoveryPlanner: Sendable {
    package let storage: any Storage
    package let directory: String
    package let options: StoreOptions
    package let writerIsLive: Bool
    private let flaws: StoreFlaws
    package var headers: HeaderReader { HeaderReader(storage: storage, directory: directory) }

    package init(
        storage: any Storage, directory: String, options: StoreOptions, writerIsLive: Bool, flaws: StoreFlaws = []
    ) {
        self.flaws = flaws
        self.storage = storage
        self.directory = directory
        self.options = options
        self.writerIsLive = writerIsLive
    }

    /// Makes the plan. With point-in-time recovery a log that turns out damaged is read a second time, all of it.
    package func plan(makeNew: () -> Superblock) throws(WalError) -> RecoveryPlan {
        guard options.recovery == .pointInTime else {
            return try plan(isDeep: options.deepRecovery, makeNew: makeNew)
        }
        if options.deepRecovery { return try plan(isDeep: true, makeNew: makeNew) }
        do {
            return try plan(isDeep: false, makeNew: makeNew)
        } catch  where error.code == .corrupted || error.code == .missingSegment {
            return try plan(isDeep: true, refused: error, makeNew: makeNew)
        }
    }

    /// Makes the plan of an open that trusts nothing and reads everything.
    package func deepPlan(makeNew: () -> Superblock) throws(WalError) -> RecoveryPlan {
        try plan(isDeep: true, makeNew: makeNew)
    }

    /// - Parameter refused: what a strict open says of the log.
    private func plan(
        isDeep: Bool, refused: WalError? = nil, makeNew: () -> Superblock
    ) throws(WalError) -> RecoveryPlan {
        var listing = try attempt("list the log's directory") { () throws(StorageError) in
            SegmentListing(try storage.names(in: directory))
        }
        try checkCompression(listing)
        var leftovers = listing.others.filter { FileNames.isTemporary($0) }
        guard let (read, found, slot) = try superblock(listing, isDeep: isDeep) else {
            return try newLog(listing, makeNew: makeNew)
        }
        let known: Superblock
        var damage = found
        if let read {
            known = read
        } else {
            known = try rebuiltSuperblock(listing)
            damage = WalError(
                .corrupted, "both superblock slots are damaged or missing", path: headers.path(FileNames.superblock))
        }
        let mustRebuild = read == nil
        if known.epoch == 0, listing.isEmpty {
            var plan = try newLog(listing, makeNew: { known })
            plan.leftovers = leftovers
            return plan
        }
        // The first segment kept is a settled one: a later roll may have begun, at just this LSN, one that is not.
        let behind = listing.entries.partitionPoint { $0.base > min(known.firstLSN, known.activeBase) }
        // Where the low mark itself is lost, no file may go because of it.
        if behind > 1, !mustRebuild {
            let names = listing.entries[..<(behind - 1)].flatMap(\.names)
            for name in names { try refuseToRemove(name, known.identity) }
            leftovers += names
            listing.removeFirst(behind - 1)
        }
        let twins = try spareTwins(&listing, known)
        let segments = listing.segments(from: known.firstSequence)
        if !isDeep, !known.cutsEverything { try checkCount(segments, known) }
        let isDeep = isDeep || mustRebuild
        var plan: RecoveryPlan
        if isDeep, options.recovery == .pointInTime {
            plan = try keepingPlan(known, segments) { (superblock, found) throws(WalError) in
                try scan(superblock, found, leftovers: leftovers, isDeep: true)
            }
        } else {
            plan = try scan(known, consume segments, leftovers: leftovers, isDeep: isDeep)
        }
        plan.mustRebuildSuperblock = mustRebuild
        if plan.damage == nil, mustRebuild { plan.damage = damage }
        if plan.lost.isEmpty, plan.cut?.kind != .repair, !plan.isNew, !mustRebuild, let refused {
            // What a strict open refuses is damage, also where reading everything finds none: the superblock is at fault.
            plan.damage = refused
            plan.isSuperblockUnfit = true
        }
        if mustRebuild || plan.damage != nil { plan.outcome = .pointInTime }
        if plan.damage != nil { goBySegments(&plan) }
        plan.superblockSlot = slot
        plan.otherSlotIsWhole = slot != nil && found == nil
        plan.spareTwins = twins
        if !plan.isNew { replaceCompressedEnd(&plan) }
        if !plan.isNew { try completeEnds(&plan) }
        plan.bytesDiscarded = try sizes(of: plan.discarded.map(\.name) + plan.givenUp)
        if !plan.isNew, plan.cut == nil, plan.superblock.firstLSN > plan.end.lsn + 1 {
            throw WalError(
                .corrupted,
                "the superblock says that the log begins at LSN \(plan.superblock.firstLSN), but it ends at \(plan.end.lsn); restore LOG and the segments from one copy, or read what is there with walctl cat --salvage",
                path: headers.path(FileNames.superblock))
        }
        return plan
    }

    private func scan(
        _ superblock: Superblock, _ found: consuming [RecoveryPlan.Found], leftovers: [String], isDeep: Bool
    ) throws(WalError) -> RecoveryPlan {
        try RecoveryScan.run(
            headers: headers, options: options, isDeep: isDeep, writerIsLive: writerIsLive, superblock: superblock,
            found: consume found, leftovers: leftovers, flaws: flaws)
    }

    /// A repair goes by the segments where the superblock does not fit them, and gives up nothing without keeping it.
    private func goBySegments(_ plan: inout RecoveryPlan) {
        let hasActive = plan.segments.contains {
            $0.base == plan.superblock.activeBase && $0.sequence == plan.superblock.activeSequence
        }
        if plan.isSuperblockUnfit || !hasActive { plan.goBySegments() }
        let segments = plan.leftovers.filter { !FileNames.isTemporary($0) }
        plan.givenUp = segments + plan.givenUp
        plan.leftovers.removeAll { !FileNames.isTemporary($0) }
    }

    /// Throws if a file that is in the way is another log's, or of a format from the future. One that can't be read goes.
    private func refuseToRemove(_ name: String, _ identity: LogIdentity) throws(WalError) {
        do throws(WalError) {
            _ = try headers.read(name, identity: identity)
        } catch {
            if error.code == .foreignFile || error.code == .unsupportedFormat { throw error }
        }
    }

    // MARK: The superblock

    /// The superblock; an outer nil means that there is no log, an inner one that it must be rebuilt.
    private func superblock(
        _ listing: SegmentListing, isDeep: Bool
    ) throws(WalError) -> (Superblock?, WalError?, slot: Int?)? {
        let path = headers.path(FileNames.superblock)
        guard listing.others.contains(FileNames.superblock) else {
            if listing.isEmpty { return nil }
            return try lostSuperblock("the superblock is missing although there are segments", path, isDeep)
        }
        let content = try headers.superblock()
        switch content {
        case .found(let superblock, let damage, let slot):
            let unknown = superblock.features.readOnly & ~FeatureBits.known.readOnly
            guard options.readOnly || unknown == 0 else {
                throw WalError(
                    .unsupportedFormat,
                    "the log has features this software can read but not write (bits \(String(unknown, radix: 16))); open it for reading only",
                    path: path)
            }
            return (superblock, damage.map { WalError(.corrupted, $0, path: path) }, slot)
        case .damaged:
            return try lostSuperblock("both superblock slots are damaged", path, isDeep)
        case .foreign:
            if listing.isEmpty {
                throw WalError(.notALog, "the file LOG is not a superblock: this directory is no log", path: path)
            }
            return try lostSuperblock("the file LOG is not a superblock", path, isDeep)
        case .unsupportedVersion(let version):
            throw WalError(
                .unsupportedFormat,
                "the log has format version \(version); this software reads version \(Layout.version)", path: path)
        case .unsupportedFeatures(let bits):
            throw WalError(
                .unsupportedFormat, "the log needs features this software lacks (bits \(String(bits, radix: 16)))",
                path: path)
        }
    }

    private func lostSuperblock(
        _ what: String, _ path: String, _ isDeep: Bool
    ) throws(WalError) -> (Superblock?, WalError?, slot: Int?)? {
        guard options.recovery == .pointInTime, isDeep else {
            throw WalError(.corrupted, "\(what); restore it, or let point-in-time recovery rebuild it", path: path)
        }
        return (nil, nil, nil)
    }

    /// What the segments themselves tell of the log, where the superblock is lost.
    private func rebuiltSuperblock(_ listing: SegmentListing) throws(WalError) -> Superblock {
        var first: SegmentHeader?
        var epoch: UInt32 = 1
        var position: UInt64 = 0
        for (index, entry) in listing.entries.enumerated() {
            let base = entry.base
            guard case .intact(let header) = try headers.read(entry.name, identity: first?.identity) else { continue }
            epoch = max(epoch, header.epoch)
            if first == nil, header.firstLSN == base, header.sequence > UInt64(index) {
                first = header
                position = UInt64(index)
            }
        }
        guard let first, let oldest = listing.entries.first?.base else {
            throw WalError(
                .corrupted, "the superblock is lost and no segment header is intact; salvage what is readable",
                path: directory)
        }
        var superblock = Superblock(identity: first.identity, startLSN: oldest, created: first.created)
        superblock.epoch = epoch
        superblock.firstSequence = first.sequence - position
        superblock.activeSequence = superblock.firstSequence
        superblock.sealedBelow = superblock.firstSequence
        superblock.epochBeforeFirst = first.predecessor.epoch
        // Whether and when there was a cut is lost: no position that was stored proves anything.
        superblock.cutEpoch = .max
        return superblock
    }

    private func newLog(_ listing: SegmentListing, makeNew: () -> Superblock) throws(WalError) -> RecoveryPlan {
        if let stranger = listing.others.first(where: FileNames.isStranger) {
            throw WalError(
                .notALog,
                "the directory holds other files, such as \(stranger), and no log; name an empty or a new directory",
                path: directory)
        }
        let superblock = makeNew()
        var plan = RecoveryPlan(
            superblock: superblock, end: superblock.watermark, tally: SegmentTally(spacing: options.indexSpacing),
            outcome: .created)
        plan.isNew = true
        plan.leftovers = listing.others.filter { FileNames.isTemporary($0) }
        return plan
    }

    // MARK: The set of files

    /// Between the low mark and the active segment the number of files must be the difference of the sequence numbers.
    private func checkCount(_ found: [RecoveryPlan.Found], _ superblock: Superblock) throws(WalError) {
        let settled = found[..<found.partitionPoint { $0.base > superblock.activeBase }]
        let expected = superblock.activeSequence - superblock.firstSequence + 1
        if UInt64(settled.count) == expected, settled.last?.base == superblock.activeBase,
            settled.first.map({ $0.base <= superblock.firstLSN }) == true
        {
            return
        }
        if superblock.epoch == 0 { return }
        var sequence = superblock.firstSequence
        var next = superblock.firstLSN
        for (index, segment) in settled.enumerated() {
            let finding = try headers.read(segment.name, identity: superblock.identity)
            guard case .intact(let header) = finding else { continue }
            if header.firstLSN != segment.base {
                throw WalError(
                    .corrupted,
                    "the file holds the segment that begins at LSN \(header.firstLSN): it was renamed or copied",
                    path: headers.path(segment.name), offset: 0, lsns: LSN(segment.base)...LSN(segment.base))
            }
            let isFirst = index == 0 && segment.base <= superblock.firstLSN
            if isFirst && header.sequence != superblock.firstSequence
                || segment.base == superblock.activeBase && header.sequence != superblock.activeSequence
            {
                throw contradiction(
                    header, isFirst ? superblock.firstSequence : superblock.activeSequence, segment.base)
            }
            if header.sequence > sequence {
                let first = header.sequence == sequence + 1 ? header.predecessor.firstLSN : next
                throw missing(
                    from: max(first, superblock.firstLSN), through: segment.base - 1,
                    index == 0 ? RecoveryScan.adviceAtFront : RecoveryScan.adviceInside)
            }
            if header.sequence < sequence {
                throw WalError(
                    .corrupted, "segment \(header.sequence) of the log is there twice",
                    path: headers.path(segment.name), offset: 0,
                    lsns: LSN(segment.base)...LSN(segment.base))
            }
            sequence = header.sequence + 1
            next = segment.base + 1
        }
        throw missing(
            from: settled.isEmpty ? superblock.firstLSN : superblock.activeBase, through: superblock.watermark.lsn,
            RecoveryScan.openingAdvice)
    }

    private func contradiction(_ header: SegmentHeader, _ sequence: UInt64, _ base: UInt64) -> WalError {
        WalError(
            .corrupted,
            "the superblock says that the segment which begins at LSN \(base) is number \(sequence) of the log, but it is number \(header.sequence): LOG and the segments come from different copies of the log; restore both from one copy, or let walctl repair (point-in-time recovery) go by the segments",
            path: headers.path(FileNames.superblock), lsns: LSN(base)...LSN(base))
    }

    private func missing(from first: UInt64, through last: UInt64, _ advice: String) -> WalError {
        WalError(
            .missingSegment, "a segment file that must be there is missing; \(advice)",
            path: headers.path(FileNames.segment(base: first)), lsns: LSN(first)...LSN(max(first, last)))
    }

    private func sizes(of names: [String]) throws(WalError) -> UInt64 {
        var sum: UInt64 = 0
        for name in names {
            let size = try attempt("look at a segment") { () throws(StorageError) in
                let file = try storage.open(headers.path(name), .readOnly)
                let size = try file.size()
                try file.close()
                return size
            }
            // Of sparse files not even the sum need fit.
            sum = sum.addingClamped(size)
        }
        return sum
    }

    /// Finds which of the segments before the active one are sealed, and where those that are not end.
    private func completeEnds(_ plan: inout RecoveryPlan) throws(WalError) {
        guard !plan.segments.isEmpty else { return }
        let sealedBelow = plan.superblock.sealedBelow
        for index in 0..<plan.segments.count - 1 {
            if plan.segments[index].sequence < sealedBelow {
                plan.segments[index].isSealed = true
                continue
            }
            // Only a sealed segment is compressed. One whose footer is damaged ends where the next one says.
            if plan.segments[index].isCompressed {
                plan.segments[index].isSealed = true
                continue
            }
            if plan.segments[index].end != nil { continue }
            let name = plan.segments[index].name
            let file = try attempt("open a segment") { () throws(StorageError) in
                try storage.open(headers.path(name), .readOnly)
            }
            defer { headers.close(file) }
            if try headers.hasFooter(
                file, identity: plan.superblock.identity, sequence: plan.segments[index].sequence)
            {
                plan.segments[index].isSealed = true
                continue
            }
            let next = try headers.read(plan.segments[index + 1].name, identity: plan.superblock.identity)
            guard case .intact(let header) = next, header.firstLSN == plan.segments[index + 1].base,
                header.sequence == plan.segments[index + 1].sequence
            else {
                throw WalError(
                    .corrupted, "the header of a segment is damaged; \(RecoveryScan.advice)",
                    path: headers.path(plan.segments[index + 1].name), offset: 0,
                    lsns: LSN(plan.segments[index + 1].base)...LSN(plan.segments[index + 1].base))
            }
            let before = header.predecessor
            plan.segments[index].end = Mark(
                lsn: before.lastLSN, segment: plan.segments[index].base, offset: before.endOfFrames,
                link: before.lastFrameChecksum, epoch: before.epoch, incarnation: before.incarnation)
            plan.segments[index + 1].header = header
        }
        for segment in plan.segments.dropLast() {
            guard segment.sequence >= sealedBelow, segment.isSealed, !segment.isCompressed else { continue }
            plan.newlySealed.append(segment.name)
        }
    }
}
