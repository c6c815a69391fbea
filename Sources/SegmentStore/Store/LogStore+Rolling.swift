import Synchronization
import WalPlatform

extension LogStore {
    /// How many rolled segments may wait to be settled before the writer has to.
    static let unsettledMax = 8

    /// Starts a new segment, unless the active one has no frames; returns whether it did.
    package func rotate() throws(WalError) -> Bool {
        try checkUsable()
        guard let active = writer.active else { throw WalError(.closed, "the log is closed", path: directory) }
        // Behind the last LSN there is never any event: a segment that began there could have no name.
        guard !active.isEmpty, active.chain.lsn < LSN.max.rawValue else { return false }
        try roll(active)
        return true
    }

    /// Gives the spare a header and the name of its first LSN; frames follow at once. Nothing is synced here: `sync` lets
    /// durableLSN pass the end of the old segment only when both and the name are on stable storage.
    func roll(_ old: WritableSegment) throws(WalError) {
        if catalog.withLock({ $0.unsettled.count }) >= Self.unsettledMax { try sync() }
        let base = old.chain.lsn + 1
        let target = path(FileNames.segment(base: base))
        let next = try spare.withLock { (spare) throws(WalError) -> WritableSegment in
            if spare == nil { spare = try makeSpare() }
            guard let ready = spare else { throw WalError(.io, "there is no spare segment", path: directory) }
            let header: SegmentHeader
            if let begun = ready.header {
                header = begun
            } else {
                header = try writeHeader(of: base, behind: old, &spare)
            }
            let segment = Segment(base: base, sequence: header.sequence, directory: directory, state: .active)
            let next = WritableSegment(
                segment: segment, header: header, file: ready.file, at: Mark(startOf: header),
                tally: SegmentTally(spacing: header.indexSpacing))
            do throws(StorageError) {
                try catalog.withLock { (catalog) throws(StorageError) in
                    try nameSpare(target, header, &spare)
                    old.segment.info.withLock {
                        $0.state = .rolled
                        $0.end = old.chain.offset
                    }
                    catalog.segments.append(segment)
                    catalog.unsettled.append(old)
                    catalog.active = next
                }
            } catch {
                if error.isPassing { throw error.wal("name a new segment") }
                throw poison(error, "name a new segment")
            }
            spare = nil
            return next
        }
        writer.active = next
        writer.mustRoll = false
        writer.tailPageOffset = nil
        activeOffset.store(next.chain.offset, ordering: .relaxed)
        hasRolled.store(true, ordering: .relaxed)
        environment.notify(.rolled(base: LSN(base), path: target))
    }

    /// Writes the header block of the segment that the spare is to become. Under the lock of the spare.
    private func writeHeader(
        of base: UInt64, behind old: WritableSegment, _ spare: inout SpareSegment?
    ) throws(WalError) -> SegmentHeader {
        guard let ready = spare else { throw WalError(.io, "there is no spare segment", path: directory) }
        var header = maker.header(
            identity: identity, sequence: old.header.sequence + 1, base: base, epoch: writer.epoch,
            incarnation: writer.incarnation, watermark: durableLSN, predecessor: old.asPredecessor)
        header.segmentSize = ready.size
        let block = header.encode()
        do throws(StorageError) {
            try ready.file.write(block, at: 0)
            // A spoilt header block under a segment's name would look like a foreign file.
            if padding != .none { try ready.file.sync() }
        } catch {
            // Where there is no room the spare stays the spare, and a later try writes its header block again. Else it
            // goes: nothing is in it, and another may come to lie where the disk is well.
            if !error.isNoSpace {
                spare = nil
                dropSpare(ready.file)
            }
            throw error.wal("write a segment's header")
        }
        return header
    }

    /// Gives the spare its name as a segment.
    ///
    /// Were that there although the call failed, events that still fit the old segment would be lost behind it. So after an error
    /// the names are looked at, and as long as they can't be, nothing is written to the old segment and the roll is gone on with
    /// as it was begun.
    private func nameSpare(
        _ target: String, _ header: SegmentHeader, _ spare: inout SpareSegment?
    ) throws(StorageError) {
        do throws(StorageError) {
            try storage.rename(path(FileNames.spare), to: target)
        } catch {
            guard error.isPassing || error.isNotFound else { throw error }
            let names: [String]
            do throws(StorageError) {
                names = try storage.list(directory)
            } catch let unclear {
                guard unclear.isPassing else { throw error }
                spare?.header = header
                writer.mustRoll = true
                hasSuspectTail.store(true, ordering: .relaxed)
                throw unclear
            }
            let isSpare = names.contains(FileNames.spare)
            if names.contains(where: { path($0) == target }) {
                // Both names: nobody knows how that came to be.
                if isSpare { throw StorageError(error.operation, error.path, errno: ErrorNumber.io) }
                return
            }
            if isSpare { throw error }
            // Somebody has removed it: another one is made.
            let lost = spare
            spare = nil
            writer.mustRoll = false
            do throws(StorageError) { try lost?.file.close() } catch {}
            throw StorageError(.create, path(FileNames.spare), errno: ErrorNumber.wouldBlock)
        }
    }

    /// Makes a spare that is allocated only. Under the lock of the spare.
    func makeSpare() throws(WalError) -> SpareSegment {
        do throws(StorageError) {
            let file = try storage.createAfresh(path(FileNames.spare))
            do throws(StorageError) {
                if options.preallocation != .growing { try file.allocate(options.segmentSize) }
                try file.sync()
            } catch {
                dropSpare(file)
                throw error
            }
            return SpareSegment(file: file, size: options.segmentSize)
        } catch {
            // That doesn't pass, and what was written since is gone.
            if error.problem == .directoryRemoved { throw poison(error, "prepare the next segment") }
            throw error.wal("prepare the next segment")
        }
    }

    /// No use can be made of half a spare. What matters is why it could not be made, not whether it can be cleared away: the
    /// next one takes its name over.
    func dropSpare(_ file: any StorageFile) {
        do { try file.close() } catch {}
        do { try storage.unlink(path(FileNames.spare)) } catch {}
    }
}
