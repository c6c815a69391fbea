import Synchronization
import WalPlatform

/// The segment that a cut goes through, and those behind it.
struct CutScene {
    var lsn: UInt64
    var kept: Segment
    var gone: [Segment]
}

/// A cut that is stated in the superblock and that readers know of, and what is left to be done of it.
struct DecidedCut {
    let scene: CutScene
    let copy: SegmentMaker.Prefix
    /// Whether the copy has the segment's name.
    var isNamed = false
    /// The files that it took the place of, or that are gone, to be closed.
    var old: [WritableSegment] = []
}

extension LogStore {
    /// Cuts off the events behind `lsn`: the log ends there, under a new epoch, and its LSNs are given out again.
    ///
    /// The one caller must hold off the writer's steps and the maintenance steps. Readers go on: up to the cut, or they are
    /// told that they are stale. The copy of what is kept of the segment is made first, while nothing is changed yet; with the
    /// statement in the superblock the cut is decided, and whoever opens the log after a stop finishes it. `durableLSN` goes
    /// back, here alone.
    ///
    /// Throws `truncated` below firstLSN − 1, which empties the log, `notYetWritten` above writtenLSN, and `heldByCheckpoint` if a
    /// checkpoint stands at an event that would be cut off and is not overridden. An error before the
    /// cut is decided (`diskFull`, `corrupted` if what is to be kept can't be read) changes nothing. If the system refuses a
    /// later step, `hasUnfinishedCut` is true from then on, every change is refused, and `finishCut` goes on with it. Any
    /// other error after that fails the store.
    package func truncate(after lsn: UInt64, overridingCheckpoints: Bool = false) throws(WalError) {
        try checkUsable()
        let (first, last) = catalog.withLock { _ in (firstLSN, writtenLSN) }
        guard lsn >= first - 1 else {
            throw WalError(
                .truncated, "can't cut after LSN \(lsn): the oldest event kept is \(first)", path: directory,
                lsns: LSN(lsn)...LSN(first - 1))
        }
        guard lsn <= last else {
            throw WalError(
                .notYetWritten, "can't cut after LSN \(lsn): the newest event is \(last)", path: directory,
                lsns: LSN(lsn)...LSN(lsn))
        }
        if writer.mustRoll, let active = writer.active { try roll(active) }
        // All that is kept must be durable before the cut is decided: recovery takes it as proof that it must be there.
        if !environment.flaws.contains(.cutsWithoutSync) { try sync() }
        if lsn == last { return }
        // No checkpoint comes in between. One that is being saved meanwhile is stale afterwards, as an overridden one is.
        let gone = try checkpointDesk.holds.withLock { (_) throws(WalError) in
            if !overridingCheckpoints { try checkCheckpoints(above: lsn) }
            return try syncState.withLock { (state) throws(WalError) in try cut(lsn, &state) }
        }
        for segment in gone { environment.notify(.deleted(base: LSN(segment.base), path: segment.path)) }
    }

    private func checkCheckpoints(above lsn: UInt64) throws(WalError) {
        var names: [String] = []
        var newest = lsn
        for info in try checkpoints() {
            guard let position = info.position, position.lsn.rawValue > lsn else { continue }
            do throws(WalError) {
                try check(position)
            } catch {
                // It stands at nothing that the log still has.
                if error.code == .stalePosition || error.code == .truncated { continue }
                throw error
            }
            names.append(info.name)
            newest = max(newest, position.lsn.rawValue)
        }
        guard let first = names.first else { return }
        let list =
            names.count == 1 ? "checkpoint \(first) stands" : "checkpoints \(names.joined(separator: ", ")) stand"
        throw WalError(
            .heldByCheckpoint,
            "can't cut after LSN \(lsn): the \(list) above it; override or remove what holds it back",
            path: directory, lsns: LSN(lsn + 1)...LSN(newest))
    }

    private func cut(_ lsn: UInt64, _ state: inout SyncState) throws(WalError) -> [Segment] {
        try checkUsable()
        guard !state.isClosed else { throw WalError(.closed, "the log is closed", path: directory) }
        guard state.superblock.epoch < UInt32.max - 1 else {
            throw WalError(.io, "the log has used up its epochs", path: directory)
        }
        let scene = catalog.withLock { catalog -> CutScene? in
            guard !catalog.segments.isEmpty else { return nil }
            let index = catalog.position(of: lsn) ?? 0
            return CutScene(
                lsn: lsn, kept: catalog.segments[index], gone: Array(catalog.segments[(index + 1)...]))
        }
        guard let scene else { throw WalError(.closed, "the log is closed", path: directory) }
        let copy = try prefix(of: scene)
        do throws(StorageError) {
            let flaws = environment.flaws
            if flaws.contains(.statesCutLate) { try unlink(scene.gone) }
            try stateCut(scene, &state)
        } catch {
            maker.discard(copy.file, copy.temporary)
            throw poison(error, "cut the log off")
        }
        publish(scene, state.superblock)
        writer.cut = DecidedCut(scene: scene, copy: copy)
        try carryOut(&state)
        return scene.gone
    }

    /// Goes on with a cut that was decided and could not be carried out. The caller holds off the writer's and the maintenance
    /// steps.
    package func finishCut() throws(WalError) {
        if let failure { throw failure }
        guard let scene = writer.cut?.scene else { return }
        try syncState.withLock { (state) throws(WalError) in
            guard !state.isClosed else { throw WalError(.closed, "the log is closed", path: directory) }
            try carryOut(&state)
        }
        for segment in scene.gone { environment.notify(.deleted(base: LSN(segment.base), path: segment.path)) }
    }

    private func carryOut(_ state: inout SyncState) throws(WalError) {
        guard var decided = writer.cut else { return }
        do throws(StorageError) {
            try carryOut(&decided, &state)
        } catch {
            guard error.isPassing else {
                writer.cut = nil
                if !decided.isNamed { maker.discard(decided.copy.file, decided.copy.temporary) }
                throw poison(error, "cut the log off")
            }
            writer.cut = decided
            unfinishedCut.store(true, ordering: .releasing)
            throw error.wal("finish cutting the log off")
        }
        writer.cut = nil
        unfinishedCut.store(false, ordering: .releasing)
    }

    /// Copies what is kept of the segment. If there is no room the spare gives way.
    private func prefix(of scene: CutScene) throws(WalError) -> SegmentMaker.Prefix {
        do throws(WalError) {
            return try makePrefix(of: scene)
        } catch {
            guard error.code == .diskFull else { throw error }
            let freed = spare.withLock { spare -> SpareSegment? in
                defer { spare = nil }
                return spare
            }
            guard let freed else { throw error }
            dropSpare(freed.file)
            return try makePrefix(of: scene)
        }
    }

    private func makePrefix(of scene: CutScene) throws(WalError) -> SegmentMaker.Prefix {
        let headers = HeaderReader(storage: storage, directory: directory)
        let path = scene.kept.path
        let source = try attempt("open a segment") { () throws(StorageError) in try storage.openSegment(path) }
        defer { headers.close(source) }
        guard case .intact(let header) = try headers.read(source, path: path, identity: identity),
            header.firstLSN == scene.kept.base, header.sequence == scene.kept.sequence
        else {
            throw WalError(
                .corrupted, "the header block of the segment to be cut is damaged; \(RecoveryScan.advice)", path: path,
                offset: 0, lsns: LSN(scene.kept.base)...LSN(max(scene.kept.base, scene.lsn)))
        }
        let copy = try attempt("copy what a cut keeps") { () throws(StorageError) in
            try maker.copyPrefix(of: header, from: source, firstKept: firstLSN, through: scene.lsn)
        }
        guard copy.end.lsn == max(scene.lsn, header.firstLSN - 1) else {
            maker.discard(copy.file, copy.temporary)
            throw WalError(
                .corrupted, "a frame that the cut was to keep is damaged; \(RecoveryScan.advice)", path: path,
                offset: copy.end.offset, lsns: LSN(copy.end.lsn + 1)...LSN(max(copy.end.lsn + 1, scene.lsn)))
        }
        return copy
    }

    /// All that comes behind the statement. Each step may be made again after one that was refused.
    private func carryOut(_ cut: inout DecidedCut, _ state: inout SyncState) throws(StorageError) {
        let flaws = environment.flaws
        let scene = cut.scene
        if !cut.isNamed {
            if !flaws.contains(.statesCutLate), !flaws.contains(.keepsSegmentsBehindCut) { try unlink(scene.gone) }
            cut.old = try rename(cut.copy, scene)
            cut.isNamed = true
        }
        try storage.syncDirectory(directory)
        try removeTwin(of: scene.kept)
        state.durable = cut.copy.end
        state.unvouched = []
        state.superblock.cutKind = .none
        state.superblock.cut = 0
        try writeSuperblock(watermark: cut.copy.end, &state)
        var refusal: StorageError?
        for segment in cut.old {
            do throws(StorageError) { try segment.file.close() } catch { refusal = refusal ?? error }
        }
        cut.old = []
        if let refusal { throw refusal }
    }

    private func stateCut(_ scene: CutScene, _ state: inout SyncState) throws(StorageError) {
        let flaws = environment.flaws
        if !flaws.contains(.keepsEpochAtCut) {
            state.superblock.epoch += 1
            state.superblock.incarnation = environment.random()
        }
        state.superblock.cutEpoch = state.superblock.epoch
        state.superblock.cutKind = .truncation
        state.superblock.cut = scene.lsn
        state.superblock.activeBase = scene.kept.base
        state.superblock.activeSequence = scene.kept.sequence
        state.superblock.isClean = false
        // The start of the segment holds for the file before and after it is replaced.
        let start = Mark(
            lsn: scene.kept.base - 1, segment: scene.kept.base, offset: UInt64(Layout.blockSize), link: 0, epoch: 0,
            incarnation: 0)
        guard !flaws.contains(.cutsWithoutStating) else { return }
        try writeSuperblock(watermark: flaws.contains(.keepsWatermarkAboveCut) ? state.durable : start, &state)
    }

    /// Lets readers and waiters know, before any file changes that they may be reading.
    private func publish(_ scene: CutScene, _ superblock: Superblock) {
        for segment in scene.gone { segment.info.withLock { $0.isRemoved = true } }
        catalog.withLock { catalog in
            let kept = catalog.segments.prefixCount { _, sequence in sequence <= scene.kept.sequence }
            catalog.segments.removeLast(catalog.segments.count - kept)
            catalog.life = (superblock.epoch, superblock.incarnation)
            catalog.cuts.add(scene.lsn)
            durable.store(min(scene.lsn, durable.load(ordering: .relaxed)), ordering: .releasing)
            written.store(scene.lsn, ordering: .releasing)
            cutEpoch.store(superblock.cutEpoch, ordering: .releasing)
            cutGeneration.store(catalog.cuts.generation, ordering: .releasing)
        }
        opened.dropAll()
        writer.epoch = superblock.epoch
        writer.incarnation = superblock.incarnation
    }

    /// A rename that reports an error may have been done; where the names can't be looked at, the next try finds out.
    private func takeName(_ copy: SegmentMaker.Prefix) throws(StorageError) {
        do throws(StorageError) {
            try storage.rename(copy.temporary, to: copy.target)
        } catch {
            guard error.isPassing || error.isNotFound else { throw error }
            let names = try storage.list(directory)
            if names.contains(where: { path($0) == copy.temporary })
                || !names.contains(where: { path($0) == copy.target })
            {
                throw error
            }
        }
    }

    private func unlink(_ segments: [Segment]) throws(StorageError) {
        guard !segments.isEmpty else { return }
        let names = Set(try storage.list(directory))
        for segment in segments.reversed() {
            for name in Self.twins(of: segment, among: names) { try storage.unlink(path(name)) }
        }
        try storage.syncDirectory(directory)
    }

    /// The raw and the compressed file of a segment, of which for a moment, or after a failed removal, both are there.
    private static func twins(of segment: Segment, among names: Set<String>) -> [String] {
        [FileNames.segment(base: segment.base), FileNames.compressedSegment(base: segment.base)]
            .filter { names.contains($0) }
    }

    /// The compressed file of the segment that was cut holds what was cut off.
    private func removeTwin(of segment: Segment) throws(StorageError) {
        let twin = FileNames.compressedSegment(base: segment.base)
        guard !environment.flaws.contains(.keepsTwinOfCutSegment), try storage.list(directory).contains(twin) else {
            return
        }
        try storage.unlink(path(twin))
        try storage.syncDirectory(directory)
    }

    /// Puts the copy in the place of the segment, on disk and in memory in one step. Returns the files to be closed.
    private func rename(_ copy: SegmentMaker.Prefix, _ scene: CutScene) throws(StorageError) -> [WritableSegment] {
        let segment = Segment(
            base: scene.kept.base, sequence: scene.kept.sequence, directory: directory, state: .active)
        let next = WritableSegment(
            segment: segment, header: copy.header, file: copy.file, at: copy.end, tally: copy.tally)
        next.publish()
        let old = try catalog.withLock { (catalog) throws(StorageError) -> [WritableSegment] in
            try takeName(copy)
            let old = (catalog.unsealed + catalog.unsettled + (catalog.active.map { [$0] } ?? [])).filter {
                $0.header.sequence >= segment.sequence
            }
            catalog.unsealed.removeAll { $0.header.sequence >= segment.sequence }
            catalog.unsettled.removeAll { $0.header.sequence >= segment.sequence }
            // The last one since what is cut off was published as gone.
            if catalog.segments.last === scene.kept {
                catalog.segments.removeLast(1)
                catalog.segments.append(segment)
            }
            catalog.active = next
            // A second time, for readers that met the new file under the old object.
            catalog.cuts.add(scene.lsn)
            durable.store(scene.lsn, ordering: .releasing)
            cutGeneration.store(catalog.cuts.generation, ordering: .releasing)
            return old
        }
        opened.dropAll()
        writer.active = next
        writer.tailPageOffset = nil
        activeOffset.store(copy.end.offset, ordering: .relaxed)
        unsynced.store(0, ordering: .relaxed)
        // That of what was cut off must not pass for the log's: not known, until something is written.
        lastFrameTime.store(.min, ordering: .relaxed)
        hasSuspectTail.store(false, ordering: .relaxed)
        return old
    }
}
