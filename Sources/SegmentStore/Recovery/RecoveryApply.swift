import Synchronization
import WalPlatform

/// Carries out a recovery plan. Safe to be stopped anywhere: the next open makes a plan of what it finds then.
package struct RecoveryApply {
    /// What a writable store starts from.
    package struct Result {
        package var superblock: Superblock
        package var superblockFile: SuperblockFile
        /// All segments.
        package var found: [RecoveryPlan.Found]
        /// Those of them that are not sealed, in order; the last one is active.
        package var writable: [WritableSegment]
        package var quarantined: [String]
        package var notKept: [String]
        /// Left-over files that could not be removed, and why the first of them could not.
        package var notRemoved: [String]
        package var removalFailure: WalError?
    }

    let directory: String
    let environment: StoreEnvironment
    let options: StoreOptions
    var plan: RecoveryPlan
    private var quarantined: [String] = []
    private var notKept: [String] = []
    private var notRemoved: [String] = []
    private var removalFailure: WalError?
    private var storage: any Storage { environment.storage }
    private var maker: SegmentMaker { SegmentMaker(directory: directory, environment: environment, options: options) }
    private var quarantine: Quarantine { Quarantine(storage: storage, directory: directory, flaws: flaws) }
    private var flaws: StoreFlaws { environment.flaws }

    package init(_ plan: RecoveryPlan, directory: String, environment: StoreEnvironment, options: StoreOptions) {
        self.plan = plan
        self.directory = directory
        self.environment = environment
        self.options = options
    }

    package mutating func run() throws(WalError) -> Result {
        try quarantine.check(plan, limit: options.quarantineBytes)
        do throws(StorageError) {
            return try apply()
        } catch {
            throw error.wal("recover the log")
        }
    }

    private mutating func apply() throws(StorageError) -> Result {
        let known = try openSuperblock()
        try giveUp()
        if let known { try confirm(known) }
        try confirmFooters()
        var superblock = plan.superblock
        try removeLeftovers()
        try removeTwins()
        if plan.isNew { return try create(&superblock) }
        if !flaws.contains(.keepsEpoch) { superblock.epoch = max(superblock.epoch, plan.newestEpoch) + 1 }
        superblock.incarnation = environment.random()
        if !flaws.contains(.keepsCleanFlag) { superblock.isClean = false }
        let file: SuperblockFile
        if let known {
            file = known
        } else {
            superblock.cutEpoch = superblock.epoch
            try keepDamagedSuperblock(tag: superblock.epoch)
            file = try SuperblockFile.create(superblock, storage: storage, directory: directory, flaws: flaws)
            try storage.syncDirectory(directory)
        }
        if let cut = plan.cut {
            return try apply(cut, &superblock, file)
        }
        try discardTorn(tag: superblock.epoch)
        // A cut that was decided and of which nothing is left to do: but the names it gave may not be on stable storage yet.
        // Nor may those of a log that a process was killed while it made, or of a superblock that was made anew.
        let isYoung = plan.superblock.epoch == 0 && !flaws.contains(.createsWithoutDirectorySync)
        let wasCut = superblock.cutKind != .none || plan.superblock.cutEpoch == plan.superblock.epoch
        if wasCut || isYoung { try storage.syncDirectory(directory) }
        superblock.cutKind = .none
        superblock.cut = 0
        superblock.generation += 1
        if !flaws.contains(.skipsRecordingEpoch) { try file.write(superblock) }
        return try result(superblock, file, active: nil)
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// What lies before the new low mark is put aside first: once the superblock says that the log begins behind it, it would be
    /// removed. A stop in between leaves a log that lacks some of it, which the same repair goes on with.
    private mutating func giveUp() throws(StorageError) {
        guard !plan.givenUp.isEmpty else { return }
        try quarantine.prepare()
        let tag = max(plan.superblock.epoch, plan.newestEpoch) + 1
        for name in plan.givenUp { quarantined.append(try quarantine.move(name, tag: tag)) }
    }

    /// The superblock of a log that has one.
    private func openSuperblock() throws(StorageError) -> SuperblockFile? {
        guard !plan.isNew, !plan.mustRebuildSuperblock else { return nil }
        return SuperblockFile(
            try storage.open(path(FileNames.superblock), .readWrite), best: plan.superblockSlot, flaws: flaws)
    }

    /// A process that was killed may have left the superblock in the page cache only.
    private mutating func confirm(_ file: SuperblockFile) throws(StorageError) {
        // Between the writes of its slots, as far as can be seen; a log that pads is made sure of in any case.
        if plan.superblockSlot != nil || options.padding != .none {
            let found = plan.superblockAsRead ?? plan.superblock
            try file.confirm(found, rewriting: plan.otherSlotIsWhole ? plan.superblockSlot : nil)
        }
        // Segments below the low mark go because the superblock says so: were it lost after the files, the log would miss them.
        let goes = plan.spareTwins + plan.leftovers.filter { !FileNames.isTemporary($0) }
        guard !goes.isEmpty else { return }
        plan.superblock.generation += 1
        try file.write(plan.superblock)
        plan.superblockSlot = nil
    }

    /// The superblock is about to say that these are sealed. A process that was killed may have left their footers in the page
    /// cache only: lost after that, they would never be made again.
    private func confirmFooters() throws(StorageError) {
        for name in plan.newlySealed {
            let file = try storage.open(path(name), .readWrite)
            try file.sync()
            try file.close()
        }
    }

    /// An unfinished file that comes back is a leftover again, so its going needs no sync. Of the segments below the low mark
    /// none may come back alone, should the superblock be lost.
    private mutating func removeLeftovers() throws(StorageError) {
        guard !flaws.contains(.keepsLeftovers) else { return }
        for name in plan.leftovers { try removeIfPossible(name) }
        if !plan.leftovers.allSatisfy(FileNames.isTemporary) { try storage.syncDirectory(directory) }
    }

    /// The name of the file that is kept is made durable before the other one goes.
    private mutating func removeTwins() throws(StorageError) {
        guard !plan.spareTwins.isEmpty else { return }
        try storage.syncDirectory(directory)
        for name in plan.spareTwins { try removeIfPossible(name) }
        try storage.syncDirectory(directory)
    }

    /// What the log has no use for keeps nothing from opening: one that can't be removed is told of and stays for now.
    private mutating func removeIfPossible(_ name: String) throws(StorageError) {
        do throws(StorageError) {
            try storage.unlink(path(name))
        } catch {
            if error.isNotFound { return }
            guard error.isPassing else { throw error }
            notRemoved.append(name)
            removalFailure = removalFailure ?? error.wal("remove a file that the log needs no more")
        }
    }

    // MARK: A new log

    /// Superblock first, then the first segment, then the superblock with the first epoch: until that last one no event
    /// can be written, so a log with epoch 0 has lost nothing whatever it lacks.
    private mutating func create(_ superblock: inout Superblock) throws(StorageError) -> Result {
        let file: SuperblockFile
        do {
            file = SuperblockFile(try storage.open(path(FileNames.superblock), .readWrite), flaws: flaws)
        } catch  where error.isNotFound {
            superblock.generation = 1
            file = try SuperblockFile.create(superblock, storage: storage, directory: directory, flaws: flaws)
        }
        // Also of one that was there: a process killed after it had made it may not have come to this.
        if !flaws.contains(.createsWithoutDirectorySync) { try storage.syncDirectory(directory) }
        superblock.epoch = max(superblock.epoch, plan.newestEpoch) + 1
        superblock.incarnation = environment.random()
        superblock.isClean = false
        superblock.generation += 1
        var header = maker.header(
            identity: superblock.identity, sequence: 1, base: superblock.activeBase, epoch: superblock.epoch,
            incarnation: superblock.incarnation, watermark: superblock.activeBase - 1, predecessor: .init())
        let segment = try maker.make(&header)
        superblock.watermark = Mark(startOf: header)
        try file.write(superblock)
        var found = RecoveryPlan.Found(base: header.firstLSN, sequence: 1)
        found.header = header
        found.end = superblock.watermark
        plan.segments = [found]
        plan.end = superblock.watermark
        plan.superblock = superblock
        plan.tally = SegmentTally(spacing: header.indexSpacing)
        return try result(superblock, file, active: (segment, header, superblock.watermark, plan.tally))
    }

    // MARK: A torn tail

    /// Later segments first, newest first; then the bytes behind the last event. All of it is durable before the new epoch.
    private mutating func discardTorn(tag: UInt32) throws(StorageError) {
        var budget = Quarantine.tornBytesMax
        for segment in plan.discarded.reversed() where !flaws.contains(.keepsTornSegments) {
            try keepTorn(segment, from: 0, &budget, tag: tag)
            try storage.unlink(path(segment.name))
            try storage.syncDirectory(directory)
        }
        guard let tail = plan.tail, let segment = plan.segments.last else { return }
        // The sector in which a log that pads ends may be on stable storage: it stays, and the next frame goes into another one.
        let start = options.padding.sectorEnd(tail.range.lowerBound)
        guard start < tail.range.upperBound || options.padding == .none else { return }
        try keepTorn(segment, from: tail.range.lowerBound, &budget, tag: tag)
        if flaws.contains(.leavesTornTail) { return }
        let file = try storage.open(path(segment.name), .readWrite)
        let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
        defer { zeros.deallocate() }
        zeros.initializeMemory(as: UInt8.self, repeating: 0)
        // Nothing of ours lies behind the segment's size, and what does may be larger than the disk.
        let limit = segment.header?.segmentSize ?? Layout.segmentSizeMax
        if try file.size() > limit { try file.truncate(limit) }
        var offset = start
        let end = min(tail.range.upperBound, limit)
        while offset < end {
            let count = min(zeros.count, Int(end - offset))
            try file.write(at: offset, UnsafeRawBufferPointer(rebasing: zeros[..<count]))
            offset += UInt64(count)
        }
        if !flaws.contains(.skipsSyncOfErasedTail) { try file.sync() }
        try file.close()
    }

    /// Copies what may be of interest in a torn tail to the quarantine folder; given up where there is no room for it.
    private mutating func keepTorn(
        _ segment: RecoveryPlan.Found, from offset: UInt64, _ budget: inout UInt64, tag: UInt32
    ) throws(StorageError) {
        let file: any StorageFile
        do throws(StorageError) {
            file = try storage.openSegment(path(segment.name))
        } catch {
            guard error.damage != nil else { throw error }
            return notKept.append(segment.name)
        }
        var survey = TailSurvey(plan.superblock.identity)
        try survey.run(file, salt: segment.header?.salt ?? segment.salt, from: offset)
        try file.close()
        guard survey.hasFrame, let end = survey.end, end > offset else { return }
        guard end - offset <= budget, try hasRoom(end - offset) else {
            notKept.append(segment.name)
            return
        }
        do throws(StorageError) {
            try quarantine.prepare()
            quarantined.append(try quarantine.copy(segment.name, range: offset..<end, tag: tag))
            budget -= end - offset
        } catch  where error.isNoSpace || error.alreadyExists {
            // Never acknowledged as durable, and there is no room to keep it: the report says so.
            notKept.append(segment.name)
        }
    }

    private func hasRoom(_ bytes: UInt64) throws(StorageError) -> Bool {
        guard let limit = options.quarantineBytes else { return true }
        let used = try quarantine.usedBytes()
        return used <= limit && bytes <= limit - used
    }

    private mutating func keepDamagedSuperblock(tag: UInt32) throws(StorageError) {
        let name = FileNames.superblock
        guard try storage.list(directory).contains(name) else { return }
        try quarantine.prepare()
        quarantined.append(try quarantine.copy(name, range: 0..<UInt64(Layout.superblockSize), tag: tag))
    }

    // MARK: A cut

    /// States the cut in the superblock, from where on it is decided; then removes what lies behind it; then clears it.
    private mutating func apply(
        _ cut: RecoveryPlan.Cut, _ superblock: inout Superblock, _ file: SuperblockFile
    ) throws(StorageError) -> Result {
        superblock.cutKind = cut.kind
        superblock.cut = cut.lsn
        superblock.cutEpoch = superblock.epoch
        superblock.activeBase = cut.base
        superblock.activeSequence = cut.sequence
        superblock.sealedBelow = min(superblock.sealedBelow, cut.sequence)
        // The start of the segment holds for the file before and after it is replaced.
        superblock.watermark = Mark(
            lsn: cut.base - 1, segment: cut.base, offset: UInt64(Layout.blockSize), link: 0, epoch: 0, incarnation: 0)
        superblock.generation += 1
        if !flaws.contains(.skipsStatingCut) { try file.write(superblock) }
        if cut.kind == .truncation {
            try removeDiscarded()
        } else {
            if !plan.discarded.isEmpty || cut.replaces { try quarantine.prepare() }
            for segment in plan.discarded.reversed() {
                quarantined.append(try quarantine.move(segment.name, tag: superblock.epoch))
            }
        }
        let active = try makeActive(cut, superblock)
        // Also where an earlier try had replaced the file and was killed before the new name was on stable storage: nothing
        // would finish the cut again, once it is cleared.
        try storage.syncDirectory(directory)
        superblock.cutKind = .none
        superblock.cut = 0
        superblock.watermark = active.mark
        superblock.generation += 1
        try file.write(superblock)
        plan.end = active.mark
        plan.tally = active.tally
        plan.superblock = superblock
        return try result(superblock, file, active: (active.file, active.header, active.mark, active.tally))
    }

    /// What truncate(after:) has cut off was meant to go.
    private func removeDiscarded() throws(StorageError) {
        guard !plan.discarded.isEmpty else { return }
        for segment in plan.discarded.reversed() { try storage.unlink(path(segment.name)) }
        try storage.syncDirectory(directory)
    }

    private mutating func makeActive(
        _ cut: RecoveryPlan.Cut, _ superblock: Superblock
    ) throws(StorageError) -> (file: any StorageFile, header: SegmentHeader, mark: Mark, tally: SegmentTally) {
        guard let segment = plan.segments.last, let header = segment.header, let end = segment.end else {
            var header = maker.header(
                identity: superblock.identity, sequence: cut.sequence, base: cut.base, epoch: superblock.epoch,
                incarnation: superblock.incarnation, watermark: cut.lsn, predecessor: cut.predecessor)
            let file = try maker.make(&header)
            let mark = Mark(startOf: header)
            var made = RecoveryPlan.Found(base: cut.base, sequence: cut.sequence)
            made.header = header
            made.end = mark
            plan.segments.append(made)
            return (file, header, mark, SegmentTally(spacing: header.indexSpacing))
        }
        guard cut.replaces else {
            return (try storage.open(path(segment.name), .readWrite), header, plan.end, plan.tally)
        }
        if cut.kind == .repair {
            let original = try storage.open(path(segment.name), .readOnly)
            let size = try original.size()
            try original.close()
            quarantined.append(try quarantine.copy(segment.name, range: 0..<size, tag: superblock.epoch))
        }
        let made = try maker.replace(
            header, from: segment.name, firstKept: superblock.firstLSN,
            through: min(cut.lsn, end.lsn))
        plan.segments[plan.segments.count - 1].isCompressed = false
        plan.segments[plan.segments.count - 1].header = made.header
        plan.segments[plan.segments.count - 1].end = made.end
        plan.segments[plan.segments.count - 1].isSealed = false
        return (made.file, made.header, made.end, made.tally)
    }

    // MARK: What the store starts from

    private func result(
        _ superblock: Superblock, _ file: SuperblockFile,
        active: (file: any StorageFile, header: SegmentHeader, mark: Mark, tally: SegmentTally)?
    ) throws(StorageError) -> Result {
        var segments: [WritableSegment] = []
        let last = plan.segments.count - 1
        for index in plan.segments.indices where index == last || !plan.segments[index].isSealed {
            let found = plan.segments[index]
            if index == last, let active {
                segments.append(writable(found, active.header, active.file, active.mark, active.tally, isActive: true))
            } else if let header = try header(of: found), let end = found.end {
                let file = try storage.open(path(found.name), .readWrite)
                let tally = index == last ? plan.tally : SegmentTally(spacing: header.indexSpacing, from: .max)
                let segment = writable(found, header, file, end, tally, isActive: index == last)
                // Settled, and waiting for nothing but its footer: with many of them each would hold a descriptor.
                if index < last - LogStore.unsealedOpenMax, found.sequence < plan.superblock.activeSequence {
                    segment.park()
                }
                segments.append(segment)
            }
        }
        return Result(
            superblock: superblock, superblockFile: file, found: plan.segments, writable: segments,
            quarantined: quarantined, notKept: notKept, notRemoved: notRemoved, removalFailure: removalFailure)
    }

    private func header(of found: RecoveryPlan.Found) throws(StorageError) -> SegmentHeader? {
        if let header = found.header { return header }
        let file = try storage.openSegment(path(found.name))
        let block = try file.readBlock(at: 0, size: Layout.blockSize)
        try file.close()
        return block.flatMap { try? SegmentHeader($0) }
    }

    private func writable(
        _ found: RecoveryPlan.Found, _ header: SegmentHeader, _ file: any StorageFile, _ mark: Mark,
        _ tally: SegmentTally,
        isActive: Bool
    ) -> WritableSegment {
        let segment = Segment(
            base: found.base, sequence: found.sequence, directory: directory,
            isCompressed: found.isCompressed, state: isActive ? .active : .rolled,
            end: isActive ? nil : mark.offset)
        segment.writtenEnd.store(mark.offset, ordering: .releasing)
        return WritableSegment(segment: segment, header: header, file: file, at: mark, tally: tally)
    }
}
