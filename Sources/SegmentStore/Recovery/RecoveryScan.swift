/// Reads what a directory holds and makes the plan of recovery. Changes nothing, and reads with read calls only.
package struct RecoveryScan {
    let headers: HeaderReader
    let options: StoreOptions
    /// Whether everything is read and nothing trusted but what checksums and chain prove.
    let isDeep: Bool
    let writerIsLive: Bool
    let superblock: Superblock
    let flaws: StoreFlaws
    var found: [RecoveryPlan.Found]
    var plan: RecoveryPlan
    /// Whether a scan of everything has come to the superblock's watermark.
    var hasMetWatermark = false

    var storage: any Storage { headers.storage }

    /// Follows the frames from the watermark (or, deep, from the first segment) to the end of the log.
    static func run(
        headers: HeaderReader, options: StoreOptions, isDeep: Bool, writerIsLive: Bool, superblock: Superblock,
        found: consuming [RecoveryPlan.Found], leftovers: [String], flaws: StoreFlaws
    ) throws(WalError) -> RecoveryPlan {
        var scan = RecoveryScan(
            headers: headers, options: options, isDeep: isDeep, writerIsLive: writerIsLive, superblock: superblock,
            found: consume found, leftovers: leftovers, flaws: flaws)
        return try scan.run()
    }

    private init(
        headers: HeaderReader, options: StoreOptions, isDeep: Bool, writerIsLive: Bool, superblock: Superblock,
        found: consuming [RecoveryPlan.Found], leftovers: [String], flaws: StoreFlaws
    ) {
        self.flaws = flaws
        self.headers = headers
        self.options = options
        self.isDeep = isDeep
        self.writerIsLive = writerIsLive
        self.superblock = superblock
        self.found = found
        plan = RecoveryPlan(
            superblock: superblock, end: superblock.watermark, tally: SegmentTally(spacing: options.indexSpacing),
            outcome: .unclean)
        plan.leftovers = leftovers
        plan.newestEpoch = superblock.epoch
    }

    private mutating func run() throws(WalError) -> RecoveryPlan {
        if try mustFinishWholeCut() {
            return cutAtDamagedSegment(lsn: superblock.activeBase, isTruncation: superblock.cutKind == .truncation)
        }
        guard let start = startIndex() else {
            return try corruption(
                at: nil, lsn: isDeep ? superblock.firstLSN : superblock.watermark.segment, offset: 0,
                claimed: missingThrough(),
                what: "the segment that must hold it is missing", code: .missingSegment)
        }
        var index = start
        guard case .intact(let first) = try header(index) else {
            return try damagedHeader(index)
        }
        var header = first
        var chain = entryPoint(header)
        chain.flaws = flaws
        var file = try open(index)
        defer { headers.close(file) }
        try checkLength(file, chain: chain, index: index)
        if let closed = try closedInOrder(index, chain, file, header) { return closed }
        // Whether frames, or a header that confirms its predecessor's end, have shown that the point is one of the chain.
        var isReached = isDeep
        var tally = SegmentTally(spacing: header.indexSpacing, from: chain.offset)
        var data = try dataRanges(file, from: chain.offset)
        var window = try self.window(file, header, index)
        plan.segmentsScanned = 1
        while true {
            if isDeep { noteWatermark(chain, index) }
            if superblock.cutKind != .none, chain.nextLSN > superblock.cut { break }
            let successor = try successorHeader(index, chain: chain)
            if let successor {
                plan.rows.insert(row: RecoveryTable.rolled)
                found[index].end = chain.mark(in: found[index].base)
                found[index].isSealed = try headers.hasFooter(
                    file, identity: superblock.identity, sequence: found[index].sequence)
                headers.close(file)
                index += 1
                isReached = true
                header = successor
                chain = FrameChain(header)
                chain.flaws = flaws
                file = try open(index)
                data = try dataRanges(file, from: chain.offset)
                window = try self.window(file, header, index)
                tally = SegmentTally(spacing: header.indexSpacing)
                plan.segmentsScanned += 1
                continue
            }
            let check = try attempt("read a segment") { () throws(StorageError) in try chain.check(window) }
            if case .whole(let frame, let body) = check, tally.add(frame, at: chain.offset, body: body) != nil {
                plan.rows.insert(row: RecoveryTable.wholeFrame)
                plan.bytesScanned += UInt64(frame.size)
                plan.newestEpoch = max(plan.newestEpoch, frame.epoch)
                plan.newestWatermark = max(plan.newestWatermark, frame.watermark)
                chain.accept(frame)
                isReached = true
                continue
            }
            if case .fault(.body, let damaged?) = check, readsTruncated, damaged.nextLSN <= superblock.firstLSN {
                // Its events were truncated away: nothing that is kept is concerned.
                chain.accept(damaged)
                tally = SegmentTally(spacing: header.indexSpacing, from: .max)
                continue
            }
            if readsTruncated, let entry = try entryBehindTruncated(chain, check, window) {
                chain = FrameChain(header, at: entry)
                chain.flaws = flaws
                tally = SegmentTally(spacing: header.indexSpacing, from: .max)
                continue
            }
            plan.tally = tally
            var isMalformed = false
            if case .whole = check { isMalformed = true }
            if let verdict = try judgeEnd(
                index, chain: chain, file: file, data: data, header: header, isMalformed: isMalformed,
                isReached: isReached)
            {
                return verdict
            }
            // Written while it was being judged: read again from here.
            window = try self.window(file, header, index)
        }
        plan.tally = tally
        return try finishDecidedCut(index, chain: chain, file: file, salt: header.salt)
    }

    /// Whether events that were truncated away are read: in all that is trusted they lie before the watermark, but for a cut, which
    /// takes that back to the start of a segment.
    private var readsTruncated: Bool { isDeep || superblock.cutKind != .none }

    /// Behind damage whose events were all truncated away.
    private func entryBehindTruncated(
        _ chain: FrameChain, _ check: FrameCheck, _ window: ByteWindow
    ) throws(WalError) -> IndexEntry? {
        try attempt("read a segment") { () throws(StorageError) in
            try chain.frame(behindDamage: check, window, notAbove: superblock.firstLSN)?.entry
        }
    }

    // MARK: Where to begin

    func startIndex() -> Int? {
        if isDeep { return found.first.map { $0.base <= superblock.firstLSN } == true ? 0 : nil }
        let index = found.partitionPoint { $0.base >= superblock.watermark.segment }
        return index < found.count && found[index].base == superblock.watermark.segment ? index : nil
    }

    private func entryPoint(_ header: SegmentHeader) -> FrameChain {
        isDeep || superblock.watermark.segment != header.firstLSN
            ? FrameChain(header) : FrameChain(header, at: superblock.watermark)
    }

    // MARK: The next segment

    /// The header of the segment at an index, read once.
    mutating func header(_ index: Int) throws(WalError) -> HeaderReader.Finding {
        if let header = found[index].header { return .intact(header) }
        let finding = try headers.read(found[index].name, identity: superblock.identity)
        guard case .intact(let header) = finding else { return finding }
        guard header.firstLSN == found[index].base else {
            return .damaged(
                "the file holds the segment that begins at LSN \(header.firstLSN): it was renamed or copied")
        }
        guard header.sequence == found[index].sequence else {
            return .damaged("the file is segment \(header.sequence) of the log where \(found[index].sequence) is due")
        }
        found[index].header = header
        plan.newestEpoch = max(plan.newestEpoch, header.epoch)
        plan.newestWatermark = max(plan.newestWatermark, header.watermark)
        return finding
    }

    /// The header of the next segment, if it says that its predecessor ends exactly at the point reached.
    private mutating func successorHeader(_ index: Int, chain: FrameChain) throws(WalError) -> SegmentHeader? {
        guard index + 1 < found.count else { return nil }
        if flaws.contains(.trustsSuccessor), case .intact(let header) = try header(index + 1) { return header }
        guard found[index + 1].base == chain.nextLSN else { return nil }
        guard case .intact(let header) = try header(index + 1) else { return nil }
        let before = header.predecessor
        guard before.sequence == found[index].sequence, before.lastLSN == chain.nextLSN - 1,
            before.endOfFrames == chain.offset, before.lastFrameChecksum == chain.link
        else { return nil }
        return header
    }

    // MARK: The end

    private mutating func judgeEnd(
        _ index: Int, chain: FrameChain, file: any StorageFile, data: DataRanges?, header: SegmentHeader,
        isMalformed: Bool, isReached: Bool
    ) throws(WalError) -> RecoveryPlan? {
        let survey = try survey(file, salt: header.salt, from: chain.offset, index, data: data)
        let claimed = try claim(of: chain.nextLSN, behind: index, survey)
        let isAnchored = try isAnchored(chain, file, header, isReached: isReached)
        // A frame whose records can't be decoded does not become another one by waiting.
        if writerIsLive, !isMalformed, try isWholeNow(chain, file, header, index) { return nil }
        let isClosedHere =
            superblock.isClean && superblock.cutKind == .none && chain.nextLSN == superblock.watermark.lsn &+ 1
            && found[index].base == superblock.watermark.segment && chain.offset == superblock.watermark.offset
        let evidence = TailEvidence(
            successorContinues: false, frameIsWhole: false, isAnchored: isAnchored, isVouched: claimed != nil,
            isClosedHere: isClosedHere, writerIsLive: writerIsLive,
            isFollowed: survey.end != nil || index + 1 < found.count)
        let row = RecoveryTable.index(for: evidence)
        plan.rows.insert(row: row)
        switch RecoveryTable.rows[row].verdict {
        case .contradiction:
            guard options.recovery == .pointInTime, isDeep else { throw contradiction() }
            // All was read: the log is what the segments show.
            plan.damage = contradiction()
            plan.isSuperblockUnfit = true
            hasMetWatermark = true
            return try judgeEnd(
                index, chain: chain, file: file, data: data, header: header, isMalformed: isMalformed,
                isReached: isReached)
        case .corruption:
            if let missing = try missing(behind: index, chain, survey, claimed ?? chain.nextLSN) {
                return try corruption(
                    at: index, lsn: missing.lowerBound, offset: nil, claimed: missing.upperBound,
                    what: "a segment file that must be there is missing", code: .missingSegment, chain: chain)
            }
            return try corruption(
                at: index, lsn: chain.nextLSN, offset: chain.offset, claimed: claimed ?? chain.nextLSN,
                what: "a frame that was on stable storage is damaged or missing", code: .corrupted, chain: chain)
        case .closed:
            plan.outcome = .clean
            return finish(index, chain: chain, discard: false)
        case .inProgress:
            plan.outcome = .inProgress
            return finish(index, chain: chain, discard: false)
        case .tornTail:
            plan.outcome = .tornTail
            if let end = survey.end { plan.tail = .init(base: found[index].base, range: chain.offset..<end) }
            return finish(index, chain: chain, discard: true)
        case .end, .crossOver, .acceptFrame:
            // The last two can't be: the evidence given rules them out.
            plan.outcome = .unclean
            return finish(index, chain: chain, discard: false)
        }
    }

    /// The highest LSN, not below `lsn`, that something behind the point claims to have been durable.
    private mutating func claim(of lsn: UInt64, behind index: Int, _ here: TailSurvey) throws(WalError) -> UInt64? {
        if flaws.contains(.ignoresWatermarks) { return nil }
        var claimed = max(superblock.watermark.lsn, here.claimed)
        // A truncation is decided only when all that it keeps is on stable storage.
        if superblock.cutKind == .truncation { claimed = max(claimed, superblock.cut) }
        // The superblock went on to a later segment only when all of this one was on stable storage.
        if found[index].base < superblock.activeBase { claimed = max(claimed, superblock.activeBase - 1, lsn) }
        var later = index + 1
        while later < found.count {
            var salt: UInt64?
            // Any intact header of this log speaks, also one at the wrong place.
            if !found[later].isCompressed,
                case .intact(let header) = try headers.read(found[later].name, identity: superblock.identity)
            {
                claimed = max(claimed, header.watermark)
                salt = header.salt
                found[later].salt = header.salt
            }
            // A segment is compressed only after it, and all before it, were on stable storage.
            if found[later].isCompressed { claimed = max(claimed, lsn) }
            if claimed >= lsn { break }
            let file = try open(later)
            defer { headers.close(file) }
            claimed = max(claimed, try survey(file, salt: salt, from: UInt64(Layout.blockSize), later).claimed)
            later += 1
        }
        if claimed < lsn, !flaws.contains(.ignoresCheckpointsAsProof) {
            let folder = CheckpointFolder(storage: storage, directory: headers.directory)
            claimed = max(claimed, try folder.newestDurable(superblock, newestEpoch: plan.newestEpoch))
        }
        return claimed >= lsn ? claimed : nil
    }

    /// The log ends at the point reached, in segment `index`, which becomes the active one.
    mutating func finish(_ index: Int, chain: FrameChain, discard: Bool) -> RecoveryPlan {
        if discard {
            plan.discarded = Array(found[(index + 1)...])
            found.removeSubrange((index + 1)...)
        } else if index + 1 < found.count {
            found.removeSubrange((index + 1)...)
        }
        noteStaleSuperblock(end: chain.nextLSN - 1)
        found[index].end = chain.mark(in: found[index].base)
        plan.segments = found
        plan.end = chain.mark(in: found[index].base)
        return plan
    }

    /// A decided cut that a stop interrupted: everything behind it goes, whatever it is.
    private mutating func finishDecidedCut(
        _ index: Int, chain: FrameChain, file: any StorageFile, salt: UInt64
    ) throws(WalError) -> RecoveryPlan {
        let survey = try survey(file, salt: salt, from: chain.offset, index)
        var result = finish(index, chain: chain, discard: true)
        // The last frame may go on behind the cut.
        result.end.lsn = min(result.end.lsn, superblock.cut)
        result.segments[index].end?.lsn = result.end.lsn
        let isInsideFrame = chain.nextLSN > superblock.cut + 1
        result.outcome = superblock.cutKind == .repair ? .pointInTime : .unclean
        result.cut = .init(
            kind: superblock.cutKind, lsn: superblock.cut, base: found[index].base, sequence: found[index].sequence,
            predecessor: found[index].header?.predecessor ?? .init(), replaces: survey.end != nil || isInsideFrame)
        return result
    }
}
