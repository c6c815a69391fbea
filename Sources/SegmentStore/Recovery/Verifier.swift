import Synchronization
import WalPlatform

/// Reads everything with read calls and reports what is wrong.
struct Verifier {
    let store: LogStore
    let progress: ((UInt64, UInt64) -> Void)?
    private let headers: HeaderReader
    private var report: VerifyReport
    private var total: UInt64 = 0
    /// Whether another process has cut the log since the store looked at it last.
    private(set) var isOvertaken = false
    private var isAcrossDamage: Bool
    /// The first event that is of the log.
    private var lowMark: UInt64

    /// - Parameter acrossDamage: whether to read on behind damage that keeps recovery from what follows it.
    init(_ store: LogStore, acrossDamage: Bool, progress: ((UInt64, UInt64) -> Void)?) {
        self.store = store
        isAcrossDamage = acrossDamage
        self.progress = progress
        lowMark = store.firstLSN
        headers = HeaderReader(storage: store.storage, directory: store.directory)
        report = VerifyReport(
            findings: [], firstLSN: LSN(store.firstLSN), lastLSN: LSN(store.writtenLSN), eventCount: 0, frameCount: 0,
            segmentCount: 0, byteCount: 0)
    }

    mutating func run() throws(WalError) -> VerifyReport {
        try checkSuperblock()
        let across = isAcrossDamage ? try store.segmentsAcrossDamage() : nil
        isAcrossDamage = across != nil
        if isAcrossDamage { lowMark = store.setAside.withLock { $0.firstLSN } }
        let segments = across ?? store.catalog.withLock { $0.segments }
        total = UInt64(segments.count) * store.options.segmentSize
        var previous: (FrameChain, Segment)?
        for (index, segment) in segments.enumerated() {
            if segment.info.withLock({ $0.isRemoved }) {
                previous = nil
                continue
            }
            let next = index + 1 < segments.count ? segments[index + 1] : nil
            previous = try settledCheck(segment, next: next, previous: previous)
            if isOvertaken { return report }
        }
        try checkCheckpoints()
        reportTail()
        progress?(total, total)
        return report
    }

    private mutating func add(_ kind: VerifyReport.Finding.Kind, _ error: WalError) {
        report.findings.append(.init(kind: kind, error: error))
    }

    private mutating func checkSuperblock() throws(WalError) {
        let path = headers.path(FileNames.superblock)
        var content = SuperblockFile.Content.damaged
        // A writer may be overwriting a slot: what is wrong once may be in motion.
        for _ in 0..<8 {
            do throws(WalError) { content = try headers.superblock() } catch {
                // Recovery has found it missing.
                guard error.code == .notFound, store.options.readOnly else { throw error }
                content = .damaged
                break
            }
            if case .found(_, damage: nil, _) = content { return }
        }
        switch content {
        case .found(_, damage: nil, _): break
        case .found(_, let damage?, _):
            add(.derivable, WalError(.corrupted, "\(damage); the next writable open mends it", path: path))
        default:
            // Of a log that is open for reading nevertheless recovery has said it.
            if store.options.readOnly, store.report.damage != nil { return }
            add(.corruption, WalError(.corrupted, "the superblock is damaged; repair the log", path: path))
        }
    }

    private mutating func checkCheckpoints() throws(WalError) {
        let folder = store.checkpointFolder
        for name in try folder.names() {
            do throws(WalError) {
                _ = try folder.read(name, identity: store.identity)
            } catch {
                switch error.code {
                // Removed meanwhile.
                case .unknownCheckpoint: continue
                case .corrupted, .foreignFile, .unsupportedFormat: add(.checkpoint, error)
                default: throw error
                }
            }
        }
    }

    /// What recovery found behind the end of a log that is not open for writing.
    private mutating func reportTail() {
        guard store.options.readOnly else { return }
        let last = store.writtenLSN
        let path = store.directory
        for contradiction in store.report.contradictions { add(.derivable, contradiction) }
        let tail = store.tailFinding.withLock { $0 }
        switch tail.outcome {
        case .tornTail:
            add(
                .tornTail,
                WalError(
                    .corrupted,
                    "a write was cut short behind LSN \(last), before anything in it was acknowledged as durable; the next open cuts it off",
                    path: path))
        case .inProgress:
            add(.inProgress, WalError(.io, "another process is writing behind LSN \(last)", path: path))
        default: break
        }
        if let damage = tail.damage, !report.covers(damage) { add(.corruption, damage) }
    }

    /// Checks a segment. Beside another process what is wrong with it counts if it is so twice.
    private mutating func settledCheck(
        _ segment: Segment, next: Segment?, previous: (FrameChain, Segment)?
    ) throws(WalError) -> (FrameChain, Segment)? {
        var looks = SecondLook()
        while true {
            let before = report
            let facts = store.options.readOnly ? headers.fileFacts() : nil
            if store.options.readOnly, let facts {
                if segment.sequence < facts.firstSequence {
                    report.firstLSN = max(report.firstLSN, LSN(facts.firstLSN))
                    lowMark = max(lowMark, facts.firstLSN)
                    return nil
                }
                isOvertaken = store.isOvertaken(by: facts)
                if isOvertaken { return nil }
            }
            var checked: (FrameChain, Segment)?
            var refusal: WalError?
            do throws(WalError) {
                checked = try check(segment, next: next, previous: previous)
            } catch {
                refusal = error
            }
            let found = report.findings[before.findings.count...].map { $0.kind.rawValue + $0.error.place }
            let isWell = found.isEmpty && refusal == nil
            if isWell || !store.options.readOnly
                || looks.confirms(found + (refusal.map { [$0.place] } ?? []), under: facts)
            {
                if let refusal { throw refusal }
                report.segmentCount += 1
                return checked
            }
            report = before
        }
    }

    private mutating func check(
        _ segment: Segment, next: Segment?, previous: (FrameChain, Segment)?
    ) throws(WalError) -> (FrameChain, Segment)? {
        let last = next.map { $0.base - 1 } ?? store.writtenLSN
        let reader: SegmentReader
        do throws(WalError) {
            reader = try SegmentReader.open(
                segment, from: segment.base, next: next, headers: headers, identity: store.identity, access: .read)
        } catch {
            if error.code == .truncated { return nil }
            guard error.code == .corrupted || error.code == .missingSegment || error.code == .foreignFile else {
                throw error
            }
            var whole = error
            whole.lsns = LSN(segment.base)...LSN(max(last, segment.base))
            add(.corruption, whole)
            return nil
        }
        if reader.isSeekTableDerived {
            add(
                .derivable,
                WalError(
                    .corrupted, "the seek table of the compressed segment is damaged; no event is concerned",
                    path: segment.path))
        }
        if reader.isDictionaryHeadDamaged {
            add(
                .derivable,
                WalError(
                    .corrupted,
                    "the header of the dictionary in the compressed segment is damaged, so that zstd -d can't unpack it; no event is concerned",
                    path: segment.path, offset: 0))
        }
        if let (chain, before) = previous { checkPredecessor(reader, chain, before) }
        var chain = FrameChain(reader.header)
        var tally = SegmentTally(spacing: reader.header.indexSpacing)
        while chain.offset < reader.end {
            let check = try attempt("read a segment") { () throws(StorageError) in try chain.check(reader.window) }
            guard case .whole(let frame, let body) = check, tally.add(frame, at: chain.offset, body: body) != nil else {
                let skipped = try skipDamage(check, reader, &chain, segment: segment, last: last)
                guard skipped else { return nil }
                continue
            }
            chain.accept(frame)
            report.frameCount += 1
            // The first segment may begin below the low mark: those events are read, but no longer part of the log.
            let first = max(frame.firstLSN, lowMark)
            // And the last one may go on behind a cut that is not finished.
            let isBounded = store.options.readOnly && !isAcrossDamage
            let next = isBounded ? min(frame.nextLSN, report.lastLSN.rawValue + 1) : frame.nextLSN
            if isAcrossDamage { report.lastLSN = max(report.lastLSN, LSN(next - 1)) }
            report.eventCount += next > first ? next - first : 0
            report.byteCount += UInt64(frame.size)
            progress?(report.byteCount, total)
        }
        if chain.nextLSN <= last, let next, next.sequence > segment.sequence + 1 {
            add(.corruption, missing(chain.nextLSN...last))
            try checkFooter(reader, tally, chain)
            // What comes behind the hole continues a file that is not there.
            return nil
        } else if chain.nextLSN <= last, next != nil {
            add(
                .corruption,
                WalError(
                    .corrupted, "the segment ends before its last event", path: segment.path, offset: chain.offset,
                    lsns: LSN(chain.nextLSN)...LSN(last)))
        }
        try checkFooter(reader, tally, chain)
        return (chain, segment)
    }

    private func missing(_ lsns: ClosedRange<UInt64>) -> WalError {
        WalError(
            .missingSegment,
            "a segment file that must be there is missing; restore it from a backup, or repair the log",
            path: headers.path(FileNames.segment(base: lsns.lowerBound)),
            lsns: LSN(lsns.lowerBound)...LSN(lsns.upperBound))
    }

    /// Reports a damaged frame. Where the header of the frame holds, its body alone is lost, and reading goes on behind it.
    private mutating func skipDamage(
        _ check: FrameCheck, _ reader: SegmentReader, _ chain: inout FrameChain, segment: Segment, last: UInt64
    ) throws(WalError) -> Bool {
        guard case .fault(let fault, let header) = check else {
            add(
                .corruption,
                WalError(
                    .corrupted, "a frame's records don't fit it although its checksum holds", path: segment.path,
                    offset: chain.offset, lsns: LSN(chain.nextLSN)...LSN(max(chain.nextLSN, last))))
            return false
        }
        if fault == .block, let lost = try reader.lostBlock(at: chain, through: last) {
            return skip(lost, reader, &chain)
        }
        let isBody = fault == .body && header != nil
        let through = isBody ? (header.map { $0.nextLSN - 1 } ?? last) : last
        // Below the low mark no event is kept that could be concerned.
        let isGone = isBody && through < lowMark
        add(
            isGone ? .derivable : .corruption,
            WalError(
                .corrupted,
                isGone
                    ? "a frame of events truncated away is damaged; no event that is kept is concerned"
                    : "a frame is damaged (\(fault.rawValue)); \(RecoveryScan.advice)", path: segment.path,
                offset: chain.offset, lsns: LSN(chain.nextLSN)...LSN(max(chain.nextLSN, through))))
        guard isBody, let header else { return false }
        chain.accept(header)
        report.byteCount += UInt64(header.size)
        return true
    }

    private mutating func skip(_ lost: LostBlock, _ reader: SegmentReader, _ chain: inout FrameChain) -> Bool {
        let isGone = lost.lsns.upperBound < lowMark
        add(
            isGone ? .derivable : .corruption,
            WalError(
                .corrupted,
                isGone
                    ? "a compressed block of events truncated away is damaged; no event that is kept is concerned"
                    : "a compressed block is damaged; \(RecoveryScan.advice)", path: reader.segment.path,
                offset: lost.range.lowerBound, lsns: LSN(lost.lsns.lowerBound)...LSN(lost.lsns.upperBound)))
        guard let next = lost.next else { return false }
        chain = FrameChain(reader.header, at: next)
        return true
    }

    private mutating func checkPredecessor(_ reader: SegmentReader, _ chain: FrameChain, _ before: Segment) {
        let says = reader.header.predecessor
        if says.sequence == before.sequence, says.lastLSN == chain.nextLSN - 1, says.endOfFrames == chain.offset,
            chain.link == nil || says.lastFrameChecksum == chain.link
        {
            return
        }
        add(
            .corruption,
            WalError(
                .corrupted, "the segment does not continue the one before it: one of the two was replaced",
                path: reader.segment.path, offset: 0, lsns: LSN(reader.segment.base)...LSN(reader.segment.base)))
    }

    /// Footer and index of a sealed segment must say what its frames say; both can be derived from them.
    private mutating func checkFooter(_ reader: SegmentReader, _ tally: SegmentTally, _ chain: FrameChain)
        throws(WalError)
    {
        let segment = reader.segment
        guard reader.wasSealed else { return }
        guard let footer = reader.footer else {
            return add(
                .derivable,
                WalError(
                    .corrupted, "the footer is damaged; no event is concerned, but reading is slower",
                    path: segment.path))
        }
        let isWhole = tally.summary.eventCount == footer.summary.eventCount
        if isWhole, footer.summary != tally.summary || footer.lastFrameChecksum != chain.link {
            add(
                .corruption,
                WalError(
                    .corrupted, "the footer contradicts the frames", path: segment.path, offset: footer.endOfFrames))
        }
        let index = try reader.index()
        if index?.entries != tally.index.entries, isWhole {
            add(
                .derivable,
                WalError(
                    .corrupted, "the index is damaged; no event is concerned, but finding one is slower",
                    path: segment.path,
                    offset: footer.indexOffset))
        }
    }
}
