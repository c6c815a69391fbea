// Damaged and missing durable data: what is said of it, and what a repair makes of it.

extension RecoveryScan {
    /// Where damage is found by reading, in a log that opens.
    static let advice =
        "restore the file from a backup, or cut the log before it with walctl repair --deep (point-in-time recovery with deepRecovery)"
    /// Where damage keeps a log from opening.
    static let openingAdvice =
        "restore the file from a backup, or keep what comes before it with walctl repair (point-in-time recovery)"

    static let adviceAtFront =
        "restore it from a backup, or have the log begin behind it with walctl repair (point-in-time recovery)"
    static let adviceInside =
        "restore it from a backup, or choose which side of the hole is kept: walctl repair --keep older, or --keep newer (point-in-time recovery with recoveryKeep)"

    /// What to do about damage that opening finds. Nothing where that is being done.
    private func advice(isMissing: Bool, isFront: Bool) -> String? {
        if options.recovery == .pointInTime, !options.readOnly { return nil }
        if isDeep, options.deepRecovery { return Self.advice }
        guard isMissing else { return Self.openingAdvice }
        return isFront ? Self.adviceAtFront : Self.adviceInside
    }

    /// The newest event that is known to be missing where the log has no first segment.
    func missingThrough() -> UInt64 {
        let first = isDeep ? superblock.firstLSN : superblock.watermark.segment
        if let next = found.first(where: { $0.base > first }) { return next.base - 1 }
        return max(superblock.watermark.lsn, superblock.firstLSN)
    }

    /// The header block of the segment in which recovery begins is damaged: it was synced before anything relied on it.
    mutating func damagedHeader(_ index: Int) throws(WalError) -> RecoveryPlan {
        let finding = try header(index)
        let what =
            switch finding {
            case .damaged(let reason): reason
            default: "the header block is missing"
            }
        if superblock.epoch == 0 {
            // The log was being made when it stopped: no event can have been written.
            plan.isNew = true
            plan.leftovers += found.map(\.name)
            plan.outcome = .created
            return plan
        }
        return try corruption(
            at: index, lsn: found[index].base, offset: 0,
            claimed: index + 1 < found.count ? found[index + 1].base - 1 : superblock.watermark.lsn, what: what,
            code: .corrupted)
    }

    /// Durable data is damaged: an error, or, on request, a plan that keeps all before it.
    mutating func corruption(
        at index: Int?, lsn: UInt64, offset: UInt64?, claimed: UInt64, what: String, code: WalError.Code,
        chain: FrameChain? = nil
    ) throws(WalError) -> RecoveryPlan {
        let isMissing = code == .missingSegment
        let name = index.flatMap { isMissing ? nil : found[$0].name } ?? FileNames.segment(base: lsn)
        let advice = advice(isMissing: isMissing, isFront: index == nil)
        let error = WalError(
            code, advice.map { "\(what); \($0)" } ?? what, path: headers.path(name), offset: offset,
            lsns: LSN(lsn)...LSN(max(lsn, claimed)))
        guard options.recovery == .pointInTime, isDeep else { throw error }
        plan.damage = error
        plan.outcome = .pointInTime
        if let index, let chain, lsn >= superblock.firstLSN {
            var result = finish(index, chain: chain, discard: true)
            result.cut = .init(
                kind: .repair, lsn: lsn - 1, base: found[index].base, sequence: found[index].sequence,
                predecessor: found[index].header?.predecessor ?? .init(), replaces: true)
            return result
        }
        // Not below the low mark: what comes before it was truncated away, and no LSN is given out again.
        return cutAtDamagedSegment(lsn: max(lsn, superblock.firstLSN))
    }

    /// The events of segment files that are missing behind one whose frames end in order; nil if the file itself lacks its end.
    func missing(
        behind index: Int, _ chain: FrameChain, _ survey: TailSurvey, _ claimed: UInt64
    ) throws(WalError) -> ClosedRange<UInt64>? {
        let here = found[index]
        guard here.base < chain.nextLSN, !survey.hasFrame else { return nil }
        guard index + 1 < found.count else {
            return here.base < superblock.activeBase && chain.nextLSN <= superblock.activeBase
                ? chain.nextLSN...max(claimed, chain.nextLSN) : nil
        }
        guard case .intact(let next) = try headers.read(found[index + 1].name, identity: superblock.identity),
            next.firstLSN == found[index + 1].base, next.firstLSN > chain.nextLSN, next.sequence > here.sequence + 1
        else { return nil }
        if next.sequence == here.sequence + 2, next.predecessor.firstLSN != chain.nextLSN { return nil }
        return chain.nextLSN...next.firstLSN - 1
    }

    /// Whether a stop interrupted a decided cut that keeps nothing of the first segment, whose file can't be gone on with.
    mutating func mustFinishWholeCut() throws(WalError) -> Bool {
        guard superblock.cutsEverything else { return false }
        guard let index = startIndex(), found[index].base == superblock.activeBase else { return true }
        if case .intact = try header(index) { return false }
        return true
    }

    /// Nothing of the damaged or missing first segment can be kept: an empty one takes its place.
    mutating func cutAtDamagedSegment(lsn: UInt64, isTruncation: Bool = false) -> RecoveryPlan {
        plan.outcome = isTruncation ? .unclean : .pointInTime
        plan.discarded = found
        plan.segments = []
        plan.cut = .init(
            kind: isTruncation ? .truncation : .repair, lsn: lsn - 1, base: lsn, sequence: superblock.firstSequence,
            predecessor: .init(),
            replaces: true)
        plan.end = Mark(
            lsn: lsn - 1, segment: lsn, offset: UInt64(Layout.blockSize), link: 0, epoch: 0, incarnation: 0)
        return plan
    }
}
