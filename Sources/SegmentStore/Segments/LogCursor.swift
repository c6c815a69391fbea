import Synchronization
import WalPlatform

/// A reader of consecutive events across segments. Holds the segment it is in, and no other.
///
/// Checks every frame (header, chain, body) before any of its events is given out. Used by one thread at a time.
package struct LogCursor: ~Copyable {
    let store: LogStore
    let access: ReadAccess
    /// The last LSN to be given out. Goes back if that is cut off.
    package internal(set) var through: UInt64
    /// Whether it keeps its place behind the last event, to go on from there after `extend`.
    let follows: Bool
    /// The times of the events wanted; nil: all.
    let times: TimeRange?
    /// The next LSN to be given out, or, of a frame that is being given out, the one behind it.
    var wanted: UInt64
    /// Where the cursor began.
    let from: UInt64
    /// The cuts the cursor knows of, and the epoch of the newest.
    var cuts: UInt64
    var cutEpoch: UInt32
    var reader: SegmentReader?
    private var chain: FrameChain?
    private var run: RecordRun?
    private var hasEnded = false
    /// The next event lies in a frame that was left, or in a file that may have been replaced.
    var mustSeek = false
    /// The segment entered last, and the salt its file had then.
    var entered: (base: UInt64, salt: UInt64)?
    /// The last error is one of a damaged frame.
    private var hasFoundDamage = false
    /// Unpacks blocks of compressed segments; made when the first is met.
    var blocksAhead: ReadAhead?
    /// Brings in the pages of mapped segments; made once enough has been read in sequence.
    var pagesAhead: PageAhead?
    /// Where in the segment `bringPagesIn` is to be called.
    var pagesDue = UInt64.max
    /// Frames stepped over in a segment without an index.
    var trail: [IndexEntry] = []
    /// A frame was damaged in a segment that was not opened anew: the next ones are.
    var distrustsCache = false
    /// For who wants to know under which epoch an event was written: bodies are neither read nor checked, and the runs are empty.
    var readsHeadersOnly = false
    /// Of a log opened for reading: what was wrong when it was looked at last.
    var looks = SecondLook()

    /// Epoch and incarnation of the frame of the event last returned.
    package private(set) var epoch: UInt32 = 0
    package private(set) var incarnation: UInt64 = 0

    init(
        _ store: LogStore, from: UInt64, through: UInt64, access: ReadAccess, cuts: UInt64, follows: Bool = false,
        times: TimeRange? = nil
    ) {
        self.store = store
        self.from = from
        self.cuts = cuts
        cutEpoch = store.cutEpoch.load(ordering: .acquiring)
        self.follows = follows
        self.times = times
        self.access = access
        self.through = through
        wanted = from
        hasEnded = from > through && !follows
    }

    var headers: HeaderReader { HeaderReader(storage: store.storage, directory: store.directory) }

    /// The segment it is in.
    package var segment: Segment? { reader?.segment }

    /// The LSN of the next event to be given out by `nextRun`.
    package var nextLSN: UInt64 { wanted }

    /// Has a cursor that follows go on to a later end, or stop at an earlier one.
    package mutating func extend(through last: UInt64) {
        guard follows else { return }
        through = last
    }

    /// The next event, or nil behind the last. Valid until the next call or the end of the cursor. After an error the
    /// cursor has ended.
    package mutating func next() throws(WalError) -> RecordView? {
        while true {
            if let view = run?.next() {
                if let times, !times.contains(view.time) { continue }
                if isUnawareOfCut, var rest = run {
                    let mayGive = try mayGive(view.lsn, before: &rest)
                    run = rest
                    if !mayGive { continue }
                }
                return view
            }
            guard let following = try nextRun(after: run) else { return nil }
            run = following
        }
    }

    /// The records of the next frame that concern the reader, or nil behind the last event. Valid until the next call.
    /// `used` is the run before, which must be used up.
    package mutating func nextRun(after used: RecordRun?) throws(WalError) -> RecordRun? {
        if let used, !used.isEmpty {
            // It gave out nil although records are left and all were there: somebody has changed the file's bytes since.
            let error = malformed(used.nextLSN...used.nextLSN, at: chain?.offset)
            end()
            throw error
        }
        run = nil
        while !hasEnded {
            do throws(WalError) {
                if mustSeek { leaveSegment() }
                try noteCuts()
                guard wanted <= through else { break }
                do throws(WalError) {
                    guard let (frame, body) = try nextFrame() else {
                        end()
                        return nil
                    }
                    epoch = frame.epoch
                    incarnation = frame.incarnation
                    return try trim(frame, body)
                } catch {
                    if hasFoundDamage, readsCachedSegment {
                        // Beside another process the file may have been replaced since.
                        distrustCache()
                        hasFoundDamage = false
                        continue
                    }
                    var isPassing = try wasCutMeanwhile()
                    if !isPassing { isPassing = try mustLookAgain(error) }
                    guard isPassing else {
                        if hasFoundDamage { store.environment.notify(.corruption(error)) }
                        throw error
                    }
                    hasFoundDamage = false
                }
            } catch {
                end()
                throw error
            }
        }
        if !follows || hasEnded { end() }
        return nil
    }

    mutating func end() {
        hasEnded = true
        leaveSegment()
        run = nil
    }

    mutating func leaveSegment() {
        mustSeek = false
        reader = nil
        chain = nil
        (pagesAhead, pagesDue) = (nil, .max)
    }

    /// Begins behind an event that was given out by another cursor.
    package mutating func begin(after position: Position) {
        epoch = position.epoch
        incarnation = position.incarnation
    }

    /// Leaves out what lies before the LSN sought, in the first frame, and behind the last wanted, in the last.
    private mutating func trim(_ frame: FrameHeader, _ body: UnsafeRawPointer) throws(WalError) -> RecordRun {
        let last = min(frame.nextLSN - 1, through)
        if readsHeadersOnly {
            wanted = last + 1
            return RecordRun(position: body, end: body, count: 0, firstLSN: wanted, time: frame.time)
        }
        var records = RecordRun(
            position: body, end: body + frame.bodyLength, count: frame.eventCount, firstLSN: frame.firstLSN,
            time: frame.time)
        guard records.isWhole else {
            hasFoundDamage = true
            // The chain is behind the frame already.
            throw malformed(frame.firstLSN...frame.nextLSN - 1, at: chain.map { $0.offset - UInt64(frame.size) })
        }
        records.keep(through: last)
        while records.nextLSN < wanted, records.next() != nil {}
        wanted = last + 1
        if follows, wanted < frame.nextLSN {
            // The end lies inside the frame: what is left of it is looked for anew when the end moves on.
            mustSeek = true
        }
        return records
    }

    private func malformed(_ lsns: ClosedRange<UInt64>, at offset: UInt64?) -> WalError {
        WalError(
            .corrupted,
            "a record does not fit its frame although the checksum holds; this software, or the writer's, is at fault",
            path: reader?.segment.path, offset: offset, lsns: LSN(lsns.lowerBound)...LSN(lsns.upperBound))
    }

    /// The next frame that holds an event not below the one sought; nil if no event that is left can be wanted.
    private mutating func nextFrame() throws(WalError) -> (FrameHeader, UnsafeRawPointer)? {
        while true {
            if reader == nil, try !enter() { return nil }
            guard let current = reader, var place = chain else {
                throw WalError(.closed, "the cursor has ended", path: store.directory)
            }
            if place.offset >= current.end {
                if follows, current.grow() { continue }
                if follows, current.isOutdated {
                    (reader, chain) = (nil, nil)
                    continue
                }
                try leave(current, place)
                continue
            }
            let skips = place.nextLSN < wanted
            if place.offset >= pagesDue, !skips { bringPagesIn(current.window, at: place.offset) }
            let check = try attempt("read a segment") { () throws(StorageError) in
                try place.check(current.window, body: !skips && !readsHeadersOnly)
            }
            guard case .whole(let frame, let start) = check else {
                if skips, try stepOver(check, &place, current) {
                    chain = place
                    continue
                }
                hasFoundDamage = true
                throw damage(check, current, place)
            }
            if skips, frame.nextLSN <= wanted {
                // A frame before the one sought: its header is enough to step over it.
                noteSkipped(frame, at: place.offset, current)
                place.accept(frame)
                chain = place
                continue
            }
            var body = start
            if skips, !readsHeadersOnly {
                let again = try attempt("read a segment") { () throws(StorageError) in try place.check(current.window) }
                guard case .whole(_, let checked) = again else {
                    hasFoundDamage = true
                    throw damage(again, current, place)
                }
                body = checked
            }
            if !trail.isEmpty { keepTrail(current.segment) }
            place.accept(frame)
            chain = place
            if frame.eventCount > 0 { return (frame, body) }
        }
    }

    /// Opens the segment that holds the event sought; false if its times, and those of all that follow, are not wanted.
    private mutating func enter() throws(WalError) -> Bool {
        if let times, try !passOver(times) { return false }
        let (segment, next) = try segmentOfWanted()
        // A map can't grow with the segment that is being written.
        let grows = follows && segment.info.withLock { $0.state == .active }
        let opened: SegmentReader
        do throws(WalError) {
            opened = try open(segment, next: next, access: grows ? .read : access)
        } catch {
            // Dropped by another process, or since the cursor looked: only here it is known which events were to come.
            if error.code == .truncated, error.lsns == nil { throw truncatedAway(wanted, oldest: next?.base) }
            throw concerningAll(of: segment, next, error)
        }
        if let entry = opened.entry, entry.lsn > wanted {
            wanted = entry.lsn
            if wanted > through { return false }
        }
        if store.options.readOnly, let entered, entered.base == segment.base, entered.salt != opened.header.salt,
            epoch > 0
        {
            // Another process has cut the log and replaced the file: what was given out may be gone.
            throw stale(wanted)
        }
        entered = (segment.base, opened.header.salt)
        reader = opened
        if let entry = opened.entry {
            chain = FrameChain(opened.header, at: entry)
        } else {
            chain = FrameChain(opened.header)
        }
        preparePages(opened.window, at: chain?.offset ?? 0)
        // Of the flaws recovery alone has that of the body: what it took is read with all care.
        chain?.flaws = store.environment.flaws.subtracting(.ignoresBodyChecksum)
        return true
    }

    /// Steps over sealed segments that hold no event of a wanted time; false if that was all.
    private mutating func passOver(_ times: TimeRange) throws(WalError) -> Bool {
        while wanted <= through {
            let (segment, next) = try segmentOfWanted()
            guard let next, let summary = try store.facts(of: segment)?.summary, !times.overlaps(summary) else {
                return true
            }
            wanted = next.base
        }
        return false
    }

    private func segmentOfWanted() throws(WalError) -> (Segment, Segment?) {
        let found = store.catalog.withLock { catalog -> (Segment, Segment?)? in
            guard let index = catalog.position(of: wanted) else { return nil }
            return (catalog.segments[index], index + 1 < catalog.segments.count ? catalog.segments[index + 1] : nil)
        }
        guard let found, wanted >= store.firstLSN else {
            throw truncatedAway(wanted)
        }
        return found
    }

    /// - Parameter oldest: the oldest event kept as far as the caller knows, such as where the segment ends that is gone.
    func truncatedAway(_ lsn: UInt64, oldest: UInt64? = nil) -> WalError {
        var first = max(store.firstLSN, oldest ?? 0)
        // Of a log that another process writes, the store knows the low mark of its last look.
        if store.options.readOnly, case .found(let superblock, _, _)? = try? headers.superblock() {
            first = max(first, superblock.firstLSN)
        }
        return WalError(
            .truncated, "LSN \(lsn) was truncated away; the oldest event kept is \(first)",
            path: store.directory, lsns: LSN(lsn)...LSN(max(lsn, first - 1)))
    }

    /// Goes on behind the end of a segment. Where the next one says of it something else than was read, one of the two is not
    /// the file it should be.
    private mutating func leave(_ current: SegmentReader, _ place: FrameChain) throws(WalError) {
        let (next, oldest) = store.catalog.withLock { catalog -> (Segment?, UInt64) in
            let oldest = catalog.segments.first?.base ?? 0
            guard let index = catalog.position(of: place.nextLSN) else { return (nil, oldest) }
            return (catalog.segments[index], oldest)
        }
        // What follows may have been truncated away meanwhile, which is no damage.
        if place.nextLSN < max(store.firstLSN, oldest) { throw truncatedAway(place.nextLSN) }
        guard let next, next.base == place.nextLSN, next !== current.segment else {
            // Behind its end the active segment has nothing for this reader; any other must be followed by the next base.
            let following = next.map { $0.base } ?? place.nextLSN
            throw WalError(
                .corrupted, "the segment ends before its last event; \(RecoveryScan.advice)",
                path: current.segment.path,
                offset: place.offset, lsns: LSN(place.nextLSN)...LSN(max(place.nextLSN, following)))
        }
        reader = nil
        wanted = max(wanted, place.nextLSN)
        let link = place.link
        // Where segments were passed over there is no border to look at.
        guard try enter(), let opened = reader, opened.segment.base == next.base else { return }
        let before = opened.header.predecessor
        guard before.sequence == current.segment.sequence, before.lastLSN == place.nextLSN - 1,
            before.endOfFrames == place.offset, link == nil || before.lastFrameChecksum == link
        else {
            throw WalError(
                .corrupted,
                "the segment does not continue the one before it: one of the two was replaced; \(RecoveryScan.advice)",
                path: opened.segment.path, offset: 0, lsns: LSN(opened.segment.base)...LSN(opened.segment.base))
        }
    }

    private func damage(_ check: FrameCheck, _ current: SegmentReader, _ place: FrameChain) -> WalError {
        guard case .fault(let fault, let header) = check else {
            return WalError(.corrupted, "a frame is damaged", path: current.segment.path)
        }
        if fault == .block, let error = lostBlock(current, place) {
            return error
        }
        // The header of a frame with a damaged body still says how many events are lost.
        let last =
            if fault == .body, let header, header.eventCount > 0 { header.nextLSN - 1 } else {
                lastLost(fault, at: place, in: current)
            }
        return WalError(
            .corrupted, "a frame is damaged (\(fault.rawValue)); \(RecoveryScan.advice)", path: current.segment.path,
            offset: place.offset, lsns: LSN(place.nextLSN)...LSN(last))
    }
}
