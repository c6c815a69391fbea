import Synchronization
import WalPlatform

extension LogCursor {
    /// Opens a segment that the cursor comes to; what other readers have found out of it is not looked up again.
    mutating func open(_ segment: Segment, next: Segment?, access: ReadAccess) throws(WalError) -> SegmentReader {
        let (known, generation) = distrustsCache ? (nil, 0) : store.opened.find(segment)
        if let known, let reader = open(known, access: access) { return reader }
        let reader = try SegmentReader.open(
            segment, from: wanted, since: times?.since, next: next, headers: headers, identity: store.identity,
            access: access, sharing: follows ? store.followed : nil
        ) {
            blocks()
        }
        if !distrustsCache, let opened = reader.opened { store.opened.insert(opened, generation: generation) }
        return reader
    }

    /// Nil if the segment is not what it was, or can't be reached that way.
    private mutating func open(_ known: OpenedSegment, access: ReadAccess) -> SegmentReader? {
        if access == .mapped, !known.isMapped, !known.isCompressed { return nil }
        do throws(StorageError) {
            return try SegmentReader(
                known, from: wanted, since: times?.since, storage: store.storage, access: access
            ) {
                blocks()
            }
        } catch {
            // Opening it anew says what is wrong.
            store.opened.drop(known.segment)
            return nil
        }
    }

    private mutating func blocks() -> ReadAhead {
        if let blocksAhead { return blocksAhead }
        let made = ReadAhead(spawn: store.environment.spawn)
        blocksAhead = made
        return made
    }

    /// Whether what other readers have found out was made use of, which may be wrong now.
    var readsCachedSegment: Bool {
        guard let reader, !distrustsCache else { return false }
        return reader.isFromCache || store.options.readOnly && !reader.wasSealed && reader.entry != nil
    }

    /// From here on all segments are opened anew; the one it is in is entered again where the cursor stands.
    mutating func distrustCache() {
        if let reader {
            store.opened.drop(reader.segment)
            if store.options.readOnly { reader.segment.info.withLock { $0.index = nil } }
        }
        distrustsCache = true
        leaveSegment()
    }
}

// MARK: - What was stepped over

extension LogCursor {
    /// The next reader that looks for an event of a segment that is not sealed is to begin further on.
    mutating func noteSkipped(_ frame: FrameHeader, at offset: UInt64, _ reader: SegmentReader) {
        // Reading in sequence may begin at any time: that is counted from here.
        if pagesDue != .max { pagesDue = max(pagesDue, offset + Self.pagesMin) }
        guard !reader.wasSealed, frame.eventCount > 0 else { return }
        let last = trail.last?.offset ?? reader.entry?.offset ?? UInt64(Layout.blockSize)
        guard offset >= last + UInt64(reader.header.indexSpacing) else { return }
        // The times before it were not looked at.
        trail.append(
            IndexEntry(lsn: frame.firstLSN, offset: offset, newestEventTime: .max, newestFrameTime: .max))
    }

    mutating func keepTrail(_ segment: Segment) {
        let spacing = reader?.header.indexSpacing ?? Layout.indexSpacingMax
        segment.info.withLock { info in
            guard info.state != .sealed else { return }
            var index = info.index ?? SparseIndex(spacing: spacing)
            index.merge(trail)
            info.index = index
        }
        trail = []
    }
}

// MARK: - Pages

extension LogCursor {
    /// Nothing is brought in for somebody who looks for one event.
    private static let pagesMin: UInt64 = 256 << 10

    /// The cursor has come to a segment.
    mutating func preparePages(_ window: ByteWindow, at offset: UInt64) {
        trail = []
        // A thread that has nothing to do ends; a follower would keep it for ever.
        if !window.readsBlocks { blocksAhead?.rest() }
        if window.mapping == nil {
            (pagesAhead, pagesDue) = (nil, .max)
        } else {
            pagesDue = pagesAhead == nil ? offset + Self.pagesMin : offset
        }
    }

    /// Reading has come to where the pages that follow are to be brought in.
    mutating func bringPagesIn(_ window: ByteWindow, at offset: UInt64) {
        guard let mapping = window.mapping else { return pagesDue = .max }
        let pages: PageAhead
        if let pagesAhead {
            pages = pagesAhead
        } else {
            pages = PageAhead(store.environment)
            pagesAhead = pages
        }
        pagesDue = pages.advance(mapping, to: offset, limit: window.limit)
    }
}

// MARK: - Damage

extension LogCursor {
    /// An error of a segment that can't be entered, with all its events.
    func concerningAll(of segment: Segment, _ next: Segment?, _ error: WalError) -> WalError {
        guard [.corrupted, .missingSegment, .foreignFile].contains(error.code) else { return error }
        var error = error
        error.lsns = LSN(segment.base)...LSN(max(segment.base, next.map { $0.base - 1 } ?? through))
        return error
    }

    /// Whether reading can go on, on its way to the event wanted, behind a frame that can't be read: no event wanted is lost with
    /// it.
    mutating func stepOver(
        _ check: FrameCheck, _ place: inout FrameChain, _ current: SegmentReader
    ) throws(WalError) -> Bool {
        let broken = place
        let target = wanted
        let next = try attempt("read a segment") { () throws(StorageError) in
            try broken.frame(behindDamage: check, current.window, notAbove: target)
        }
        guard let next, next.entry.offset < current.end else { return false }
        let flaws = place.flaws
        place = FrameChain(current.header, at: next.entry)
        place.flaws = flaws
        return true
    }

    /// The last event that can't be had because of the frame at a place, whose length is not known: reading can go on at the
    /// next frame whose header holds, or that the index names, or in the next segment.
    func lastLost(_ fault: FrameFault, at place: FrameChain, in current: SegmentReader) -> UInt64 {
        let next = store.catalog.withLock { catalog in
            catalog.segments.first { $0.base > current.segment.base }
        }
        do throws(WalError) {
            let reader = try SegmentReader.open(
                current.segment, from: current.segment.base, next: next, headers: headers, identity: store.identity,
                access: .read)
            let entries = try reader.index()?.entries ?? []
            let entry = entries.first { $0.offset > place.offset && $0.lsn > place.nextLSN }
            let found = try attempt("read a segment") { () throws(StorageError) in
                try place.frame(behindDamage: .fault(fault, nil), reader.window, notAbove: entry?.lsn ?? .max)
            }
            if let lsn = found?.entry.lsn ?? entry?.lsn { return lsn - 1 }
        } catch {
            // What counts is the damage that was met first; no more is known of it than where the segment ends.
        }
        return max(place.nextLSN, next.map { $0.base - 1 } ?? through)
    }

    func lostBlock(_ current: SegmentReader, _ place: FrameChain) -> WalError? {
        let following = store.catalog.withLock { catalog in
            catalog.segments.first { $0.base > current.segment.base }?.base
        }
        let last = following.map { $0 - 1 } ?? max(through, place.nextLSN)
        do throws(WalError) {
            guard let lost = try current.lostBlock(at: place, through: last) else { return nil }
            return WalError(
                .corrupted, "a compressed block is damaged; \(RecoveryScan.advice)", path: current.segment.path,
                offset: lost.range.lowerBound, lsns: LSN(lost.lsns.lowerBound)...LSN(lost.lsns.upperBound))
        } catch {
            return error
        }
    }
}
