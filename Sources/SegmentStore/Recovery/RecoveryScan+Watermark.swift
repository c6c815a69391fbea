import WalPlatform

// What the superblock says of the end is held against the segments before anything rests on it: the file LOG may come from an
// older or a newer copy of the directory than they do.

extension RecoveryScan {
    /// How far back from the end of a log that was closed in order its last frame is looked for.
    private static let reachWhenClosed: UInt64 = 128 << 10
    /// Mostly that is enough, and one read.
    private static let firstReach: UInt64 = 4096

    /// The plan for a log that was closed in order, if nothing follows where the superblock says that it ends. Nil to look at
    /// all that follows.
    mutating func closedInOrder(
        _ index: Int, _ chain: FrameChain, _ file: any StorageFile, _ header: SegmentHeader
    ) throws(WalError) -> RecoveryPlan? {
        guard superblock.isClean, !isDeep, superblock.cutKind == .none, index == found.count - 1 else { return nil }
        let isBare = try attempt("read a segment") { () throws(StorageError) -> Bool in
            // A frame, or any other bytes there, are newer than the superblock.
            let behind = try file.readBlock(at: chain.offset, size: Layout.frameHeaderSize)
            guard behind?.isZero ?? true else { return false }
            return try isWatermark(file, header, reach: Self.reachWhenClosed) ?? true
        }
        guard isBare else { return nil }
        let evidence = TailEvidence(
            successorContinues: false, frameIsWhole: false, isAnchored: true, isVouched: false, isClosedHere: true,
            writerIsLive: writerIsLive, isFollowed: false)
        plan.rows.insert(row: RecoveryTable.index(for: evidence))
        plan.outcome = .clean
        plan.tally = SegmentTally(spacing: header.indexSpacing, from: chain.offset)
        return finish(index, chain: chain, discard: false)
    }

    /// Whether a frame that ends at the superblock's watermark is the one that the superblock means. Nil if what was looked
    /// through does not tell.
    ///
    /// - Parameter reach: how far back it is looked for. It costs no more than reading that frame.
    func isWatermark(
        _ file: any StorageFile, _ header: SegmentHeader, reach: UInt64
    ) throws(StorageError) -> Bool? {
        let mark = superblock.watermark
        let first = UInt64(Layout.blockSize)
        guard mark.segment == header.firstLSN, mark.offset > first else { return true }
        guard mark.offset % 8 == 0 else { return false }
        let start = mark.offset - min(reach, mark.offset - first)
        var upper = mark.offset
        var step = Self.firstReach
        while upper > start {
            let lower = max(start, upper - min(step, upper))
            // A header may begin below and end above.
            let end = min(mark.offset, upper + UInt64(Layout.frameHeaderSize))
            let block: Block?
            do throws(StorageError) {
                block = try file.readBlock(at: lower, size: Int(end - lower))
            } catch {
                guard error.damage != nil else { throw error }
                return nil
            }
            guard let block else { return nil }
            if block.holdsFrame(from: lower, to: mark, salt: header.salt) { return true }
            upper = lower
            step = 64 << 10
        }
        return start == first ? false : nil
    }

    /// Notes, in a scan that reads everything, that it has come to the superblock's watermark.
    mutating func noteWatermark(_ chain: FrameChain, _ index: Int) {
        let mark = superblock.watermark
        guard !hasMetWatermark, chain.offset == mark.offset, chain.nextLSN == mark.lsn &+ 1,
            found[index].base == mark.segment
        else { return }
        hasMetWatermark = mark.offset == UInt64(Layout.blockSize) || chain.link == nil || chain.link == mark.link
    }

    /// Whether the point reached follows from frames, or from a watermark that is one. `isReached`: by frames.
    func isAnchored(
        _ chain: FrameChain, _ file: any StorageFile, _ header: SegmentHeader, isReached: Bool
    ) throws(WalError) -> Bool {
        if isDeep {
            // What lies behind the end is claimed, and what was given up is of no interest.
            let isDue = superblock.watermark.lsn < chain.nextLSN && superblock.watermark.segment >= found[0].base
            return hasMetWatermark || !isDue
        }
        if isReached { return true }
        return try attempt("read a segment") { () throws(StorageError) in
            try isWatermark(file, header, reach: .max) ?? true
        }
    }

    func contradiction() -> WalError {
        let mark = superblock.watermark
        return WalError(
            .corrupted,
            "the superblock says that LSN \(mark.lsn) ends at offset \(mark.offset), but no such frame does: it is damaged, or LOG and the segments come from different copies of the log; restore both from one copy, or let walctl repair (point-in-time recovery) go by the segments",
            path: headers.path(found.first { $0.base == mark.segment }?.name ?? FileNames.segment(base: mark.segment)),
            offset: mark.offset, lsns: LSN(mark.lsn)...LSN(mark.lsn))
    }

    /// A superblock that says the log was closed in order, and events behind its end.
    mutating func noteStaleSuperblock(end: UInt64) {
        let mark = superblock.watermark
        guard superblock.isClean, superblock.cutKind == .none, end > mark.lsn else { return }
        plan.contradictions.append(
            WalError(
                .corrupted,
                "the superblock says that the log was closed in order at LSN \(mark.lsn), but events follow up to LSN \(end): LOG comes from an older copy of the log than the segments. No event is concerned; the next open for writing mends it",
                path: headers.path(FileNames.superblock)))
    }
}

extension Block {
    /// Whether a frame begins in the block, which was read at `base`, that ends at a mark and is the one it means.
    fileprivate func holdsFrame(from base: UInt64, to mark: Mark, salt: UInt64) -> Bool {
        bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) -> Bool in
            guard let start = buffer.baseAddress, buffer.count >= Layout.frameHeaderSize else { return false }
            var place = (buffer.count - Layout.frameHeaderSize) & ~7
            while place >= 0 {
                if buffer.loadUnaligned(fromByteOffset: place, as: UInt32.self) == UInt32(littleEndian: mark.link) {
                    let offset = base + UInt64(place)
                    if let header = FrameHeader(
                        at: start + place, seed: FrameHeader.seed(salt: salt, offset: offset)),
                        offset + UInt64(header.size) == mark.offset, header.nextLSN == mark.lsn + 1
                    {
                        return true
                    }
                }
                place -= 8
            }
            return false
        }
    }
}
