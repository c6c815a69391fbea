import Synchronization
import WalPlatform

/// Where a log opened for reading was found to end, so that the next look goes on from there.
struct TailPlace: Sendable {
    let segment: Segment
    /// The end of the room for frames.
    let limit: UInt64
    var chain: FrameChain
    /// How often something was found behind the end that is no whole frame.
    var doubts = 0
    /// The superblock's generation under which that was judged to be the end nevertheless.
    var judged: UInt64?

    init?(_ plan: RecoveryPlan, _ catalog: Catalog) {
        guard let found = plan.segments.last, let header = found.header, let segment = catalog.segments.last,
            segment.base == found.base
        else { return nil }
        self.init(segment, header, FrameChain(header, at: plan.end))
        if plan.outcome == .tornTail { judged = plan.superblock.generation }
    }

    /// Takes over that something at this very point was looked at with all that follows, and is no proof of damage.
    mutating func noteJudged(after before: TailPlace?, generation: UInt64) {
        guard let before, before.doubts > 0, before.segment.base == segment.base, before.chain.offset == chain.offset
        else { return }
        judged = generation
    }

    private init(_ segment: Segment, _ header: SegmentHeader, _ chain: FrameChain) {
        self.segment = segment
        self.chain = chain
        limit = header.framesLimit
    }

    /// The start of the next segment, whose header says that it continues this one.
    init(_ header: SegmentHeader, directory: String) {
        let segment = Segment(base: header.firstLSN, sequence: header.sequence, directory: directory, state: .active)
        self.init(segment, header, FrameChain(header))
    }
}

extension LogStore {
    /// Takes in what a live writer has done since the last look by going on from there: reads the superblock, the frames
    /// behind the last one, and headers of segments begun since. With nothing new that is eight system calls, and one more to look at the
    /// path.
    ///
    /// Returns whether there are new events; nil if all must be looked at anew: another writer or a cut has come, a file has
    /// gone or does not fit, or what lies behind the end has been no whole frame twice. No verdict is given here.
    func refreshForward(_ state: inout SyncState) -> Bool? {
        do throws(WalError) {
            return try lookAhead(&state)
        } catch {
            // Whatever it is, looking at everything says it, if it is still so then.
            return nil
        }
    }

    private func lookAhead(_ state: inout SyncState) throws(WalError) -> Bool? {
        let headers = HeaderReader(storage: storage, directory: directory)
        // First: what it says is durable must be found by what is read after.
        guard var tail = state.tail, case .found(let now, _, _) = try headers.superblock(),
            continues(now, state.superblock), now.firstSequence <= tail.segment.sequence
        else { return nil }
        let start = tail.chain.nextLSN
        var claimed = now.watermark.lsn
        var finished: [(segment: Segment, end: UInt64)] = []
        var begun: [Segment] = []
        var isDoubtful = false
        while true {
            let offset = tail.chain.offset
            isDoubtful = try !readFrames(&tail, &claimed)
            if tail.chain.offset != offset { (tail.doubts, tail.judged) = (0, nil) }
            guard let header = try successor(of: tail, headers) else { break }
            finished.append((tail.segment, tail.chain.offset))
            claimed = max(claimed, header.watermark)
            tail = TailPlace(header, directory: directory)
            begun.append(tail.segment)
        }
        let last = tail.chain.nextLSN - 1
        guard last >= now.watermark.lsn, now.activeBase <= tail.segment.base else { return nil }
        if isDoubtful, tail.judged != now.generation {
            // The writer may be in the middle of writing it; what stays like that is looked at with all that follows.
            tail.doubts += 1
            guard tail.doubts < 2 else { return nil }
        }
        for (segment, end) in finished {
            segment.writtenEnd.store(end, ordering: .releasing)
            segment.info.withLock { info in
                info.state = .rolled
                info.end = end
            }
        }
        tail.segment.writtenEnd.store(tail.chain.offset, ordering: .releasing)
        if tail.judged == nil || !isDoubtful {
            // A writer that has gone without closing the log is noticed when all is looked at.
            let isClean = now.isClean && now.watermark.lsn == last
            tailFinding.withLock { $0 = (isClean ? .clean : .inProgress, nil) }
        }
        state.superblock = now
        state.tail = tail
        publish(now, begun: begun, last: last, durable: min(claimed, last))
        return last >= start
    }

    /// Whether the superblock is a later one of the same life of the log.
    private func continues(_ now: Superblock, _ before: Superblock) -> Bool {
        now.identity == identity && now.epoch == before.epoch && now.incarnation == before.incarnation
            && now.cutKind == .none && before.cutKind == .none && now.cutEpoch == before.cutEpoch
            && now.generation >= before.generation
            && now.features == before.features
    }

    /// Steps over the whole frames that have come; false if it ends before something that is none.
    private func readFrames(_ tail: inout TailPlace, _ claimed: inout UInt64) throws(WalError) -> Bool {
        let file = try attempt("open a segment") { () throws(StorageError) in
            try storage.open(tail.segment.path, .readOnly)
        }
        defer { do { try file.close() } catch {} }
        var chain = tail.chain
        let limit = tail.limit
        return try attempt("read a segment") { () throws(StorageError) -> Bool in
            defer { tail.chain = chain }
            guard chain.offset + UInt64(Layout.frameHeaderSize) <= limit else { return true }
            // Where there is nothing, no more than a header is read.
            guard let peek = try file.readBlock(at: chain.offset, size: Layout.frameHeaderSize), !peek.isZero else {
                return true
            }
            let window = ByteWindow(file, limit: limit)
            // For its check of the records alone.
            var tally = SegmentTally(spacing: Layout.indexSpacingMax)
            while true {
                switch try chain.check(window) {
                case .whole(let frame, let body):
                    guard tally.add(frame, at: chain.offset, body: body) != nil else { return false }
                    claimed = max(claimed, frame.watermark)
                    chain.accept(frame)
                case .fault(let fault, _): return fault == .absent
                }
            }
        }
    }

    /// The header of the segment that continues the tail, if there is one.
    private func successor(of tail: TailPlace, _ headers: HeaderReader) throws(WalError) -> SegmentHeader? {
        guard tail.chain.nextLSN != tail.segment.base else { return nil }
        let name = FileNames.segment(base: tail.chain.nextLSN)
        let finding: HeaderReader.Finding
        do throws(WalError) {
            finding = try headers.read(name, identity: identity)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        guard case .intact(let header) = finding, header.firstLSN == tail.chain.nextLSN,
            header.sequence == tail.segment.sequence + 1
        else { return nil }
        let before = header.predecessor
        guard before.sequence == tail.segment.sequence, before.lastLSN == tail.chain.nextLSN - 1,
            before.endOfFrames == tail.chain.offset, before.lastFrameChecksum == tail.chain.link
        else { return nil }
        return header
    }

    private func publish(_ now: Superblock, begun: [Segment], last: UInt64, durable newest: UInt64) {
        let gone = catalog.withLock { catalog -> [Segment] in
            var gone: [Segment] = []
            catalog.segments.append(contentsOf: begun)
            catalog.epochBeforeFirst = now.epochBeforeFirst
            let count = catalog.segments.prefixCount { _, sequence in sequence < now.firstSequence }
            if count > 0 {
                gone = Array(catalog.segments[..<count])
                for segment in gone { segment.info.withLock { $0.isRemoved = true } }
                catalog.segments.removeFirst(count)
            }
            for segment in catalog.segments.reversed() where segment.sequence < now.sealedBelow {
                let isNews = segment.info.withLock { info in
                    guard info.state == .rolled else { return false }
                    info.state = .sealed
                    // From here on that of the file counts.
                    info.index = nil
                    return true
                }
                if !isNews { break }
            }
            catalog.epochBeforeFirst = now.epochBeforeFirst
            first.store(max(now.firstLSN, catalog.segments.first?.base ?? 0), ordering: .releasing)
            durable.store(max(durable.load(ordering: .relaxed), newest), ordering: .releasing)
            written.store(last, ordering: .releasing)
            return gone
        }
        for segment in gone { opened.drop(segment) }
    }
}
