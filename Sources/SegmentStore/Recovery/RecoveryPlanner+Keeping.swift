// What point-in-time recovery keeps of a log that is damaged or has holes.
//
// The log can go on behind what comes before the damage ("older": it is cut there), or with what comes behind it ("newer": the
// low mark moves there). Segments missing at the front leave no choice, since there is nothing older; nor does damage
// behind which there is nothing.

extension RecoveryPlanner {
    /// Reads everything and makes the plan of a repair. What is given up goes to quarantine.
    func keepingPlan(
        _ known: Superblock, _ found: [RecoveryPlan.Found],
        scan: (Superblock, [RecoveryPlan.Found]) throws(WalError) -> RecoveryPlan
    ) throws(WalError) -> RecoveryPlan {
        var superblock = known
        var rest = found
        var givenUp: [RecoveryPlan.Found] = []
        var damage: WalError?
        while true {
            var plan = try scan(superblock, rest)
            // A cut that was decided earlier is finished as it was meant.
            guard let error = plan.damage, plan.cut?.kind == .repair, superblock.cutKind == .none else {
                plan.damage = damage ?? plan.damage
                plan.note(givenUp, since: known)
                return plan
            }
            damage = damage ?? error
            let hasOlder = !plan.segments.isEmpty && plan.end.lsn >= superblock.firstLSN
            let newer = try start(behind: hasOlder ? plan.segments.count : 0, rest, superblock)
            if let newer, hasOlder, error.code == .missingSegment, options.keep == nil {
                throw choiceNeeded(error, behind: rest[newer.index].base)
            }
            if let newer, !hasOlder || options.keep == .newer {
                givenUp += rest[..<newer.index]
                superblock.raise(to: newer.header)
                rest = renumbered(rest[newer.index...], from: newer.header.sequence)
                continue
            }
            if !hasOlder {
                givenUp += rest
                plan = try emptyPlan(plan, superblock, rest, lost: error)
            }
            plan.damage = damage
            plan.note(givenUp, since: known)
            return plan
        }
    }

    /// The first segment from an index on that the log can begin with: one whose header is intact, and that was not tried yet.
    private func start(
        behind index: Int, _ found: [RecoveryPlan.Found], _ superblock: Superblock
    ) throws(WalError) -> (index: Int, header: SegmentHeader)? {
        for place in index..<max(index, found.count) {
            guard case .intact(let header) = try headers.read(found[place].name, identity: superblock.identity),
                header.firstLSN == found[place].base, header.epoch > 0, header.sequence > 0,
                header.sequence < Layout.counterLimit
            else { continue }
            let wasTried = place == 0 && header.sequence == found[0].sequence && found[0].base <= superblock.firstLSN
            if !wasTried { return (place, header) }
        }
        return nil
    }

    /// Nothing of the log can be kept: an empty segment takes its place, behind all that it is known to have had.
    private func emptyPlan(
        _ plan: RecoveryPlan, _ known: Superblock, _ found: [RecoveryPlan.Found], lost: WalError
    ) throws(WalError) -> RecoveryPlan {
        var newest = max(known.watermark.lsn, plan.newestWatermark, known.firstLSN - 1)
        if let claimed = lost.lsns?.upperBound.rawValue { newest = max(newest, claimed) }
        if let last = found.last { newest = max(newest, last.base - 1) }
        guard newest < LSN.max.rawValue else {
            throw WalError(
                .lsnOverflow, "nothing of the log is left, and there is no LSN to go on with", path: directory)
        }
        var superblock = known
        superblock.firstLSN = newest + 1
        superblock.firstSequence = max(known.activeSequence, found.last?.sequence ?? 0) + 1
        superblock.epochBeforeFirst = known.watermark.lsn == newest ? known.watermark.epoch : known.epoch
        superblock.rebase(toBase: superblock.firstLSN, sequence: superblock.firstSequence)
        var empty = plan
        empty.superblock = superblock
        empty.segments = []
        empty.discarded = []
        empty.tail = nil
        empty.end = superblock.watermark
        empty.tally = SegmentTally(spacing: options.indexSpacing)
        empty.cut = .init(
            kind: .repair, lsn: newest, base: superblock.firstLSN, sequence: superblock.firstSequence,
            predecessor: .init(), replaces: true)
        return empty
    }

    private func choiceNeeded(_ error: WalError, behind base: UInt64) -> WalError {
        var refusal = error
        refusal.message =
            "segments are missing in the middle of the log, and only one side of the hole can be kept: choose the events before it with walctl repair --keep older, or those from LSN \(base) on with --keep newer (the option recoveryKeep)"
        return refusal
    }

    private func renumbered(_ found: ArraySlice<RecoveryPlan.Found>, from first: UInt64) -> [RecoveryPlan.Found] {
        var sequence = first
        return found.map { old in
            defer { sequence += 1 }
            return RecoveryPlan.Found(base: old.base, sequence: sequence, isCompressed: old.isCompressed)
        }
    }
}

extension RecoveryPlan {
    /// Takes in what a repair gives up in front, and which events are lost.
    fileprivate mutating func note(_ files: [Found], since known: Superblock) {
        guard damage != nil else { return }
        front = files
        givenUp = files.map(\.name)
        if superblock != known { superblockAsRead = known }
        if superblock.firstLSN > known.firstLSN {
            lost.append(LSN(known.firstLSN)...LSN(superblock.firstLSN - 1))
        }
        guard cut?.kind == .repair, segments.isEmpty == false, let claimed = damage?.lsns?.upperBound.rawValue else {
            return
        }
        let newest = max(claimed, known.watermark.lsn, discarded.last?.base ?? 0)
        if newest > end.lsn { lost.append(LSN(end.lsn + 1)...LSN(newest)) }
    }
}

extension Superblock {
    /// Moves the low mark to the start of a segment; what it says of places before that is void.
    fileprivate mutating func raise(to header: SegmentHeader) {
        firstLSN = header.firstLSN
        firstSequence = header.sequence
        epochBeforeFirst = header.predecessor.epoch
        let end = (watermark, isClean)
        if activeBase < header.firstLSN || activeSequence < header.sequence
            || (activeBase == header.firstLSN) != (activeSequence == header.sequence)
        {
            rebase(toBase: header.firstLSN, sequence: header.sequence)
        }
        sealedBelow = max(sealedBelow, header.sequence)
        // What it says of the end still counts.
        if end.0.segment >= header.firstLSN { (watermark, isClean) = end }
    }
}
