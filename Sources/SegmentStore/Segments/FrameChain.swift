/// Why the bytes at a point are not the frame that must come next. In the order in which the checks are made: a length is
/// followed only after the header's checksum held.
package enum FrameFault: String, Sendable, Hashable, CaseIterable {
    /// Nothing there: the end of the readable bytes, or a header of zeros.
    case absent
    /// The header's checksum does not hold at this offset in this segment.
    case header
    /// A kind, codec or flag that version 1 does not have.
    case kind
    /// The body would pass the end of the frames' room.
    case length
    /// The first LSN is not the next one.
    case lsn
    /// The link is not the checksum of the frame before.
    case link
    /// The epoch is lower than that of the frame before, or the incarnation differs within it.
    case epoch
    /// The watermark is not below the frame's own events.
    case watermark
    /// The body's checksum does not hold.
    case body
    /// The block of the compressed segment that holds it is damaged.
    case block
}

/// What the checks found at a point.
package enum FrameCheck {
    /// The next frame; the body is valid until the window's next call.
    case whole(FrameHeader, body: UnsafeRawPointer)
    /// Not the next frame; the header is given where its own checksum held.
    case fault(FrameFault, FrameHeader?)
}

/// Follows the chain of frames through a segment: where the next frame must lie and what it must say.
package struct FrameChain: Sendable {
    package let salt: UInt64
    /// Looked at only once a check has failed.
    package var flaws: StoreFlaws = []
    package private(set) var offset: UInt64
    package private(set) var nextLSN: UInt64
    /// The checksum the next frame must be linked to; nil where the chain was entered in the middle.
    package private(set) var link: UInt32?
    package private(set) var epoch: UInt32
    package private(set) var incarnation: UInt64?

    /// Begins behind the header block of a segment.
    package init(_ header: SegmentHeader) {
        salt = header.salt
        offset = UInt64(Layout.blockSize)
        nextLSN = header.firstLSN
        link = header.checksum
        epoch = header.epoch
        incarnation = header.incarnation
    }

    /// Begins at a known point of a segment.
    package init(_ header: SegmentHeader, at mark: Mark) {
        self.init(header)
        guard mark.offset > offset else { return }
        offset = mark.offset
        nextLSN = mark.lsn &+ 1
        link = mark.link
        epoch = mark.epoch
        incarnation = mark.incarnation
    }

    /// Begins at a frame that the index names, taking its link on trust.
    package init(_ header: SegmentHeader, at entry: IndexEntry) {
        self.init(header)
        guard entry.offset > offset else { return }
        offset = entry.offset
        nextLSN = entry.lsn
        link = nil
    }

    /// The point reached.
    package func mark(in segment: UInt64) -> Mark {
        Mark(
            lsn: nextLSN &- 1, segment: segment, offset: offset, link: link ?? 0, epoch: epoch,
            incarnation: incarnation ?? 0)
    }

    /// Checks the frame at the point reached. With `body` false the body is neither read nor checked.
    package func check(_ window: ByteWindow, body checkBody: Bool = true) throws(StorageError) -> FrameCheck {
        do throws(StorageError) {
            return try checked(window, body: checkBody)
        } catch {
            guard error.damage != nil else { throw error }
            return .fault(.block, nil)
        }
    }

    private func checked(_ window: ByteWindow, body checkBody: Bool) throws(StorageError) -> FrameCheck {
        guard let start = try window.bytes(at: offset, count: Layout.frameHeaderSize) else {
            return .fault(.absent, nil)
        }
        let seed = FrameHeader.seed(salt: salt, offset: offset)
        guard let header = FrameHeader(at: start, seed: seed) ?? unchecked(start, seed) else {
            return .fault(isZero(start, Layout.frameHeaderSize) ? .absent : .header, nil)
        }
        if let fault = fault(of: header, limit: window.limit) { return .fault(fault, header) }
        guard checkBody else { return .whole(header, body: start) }
        guard let frame = try window.bytes(at: offset, count: header.size) else { return .fault(.length, header) }
        let body = frame + Layout.frameHeaderSize
        // What is in a filler concerns no event.
        guard
            header.kind == FrameHeader.Kind.filler
                || FrameHeader.bodyChecksum(at: body, length: header.bodyLength, seed: seed) == header.bodyChecksum
                || flaws.contains(.ignoresBodyChecksum)
        else {
            return .fault(.body, header)
        }
        return .whole(header, body: body)
    }

    /// A header whose checksum does not hold, by the flaw that takes one.
    private func unchecked(_ start: UnsafeRawPointer, _ seed: UInt32) -> FrameHeader? {
        guard flaws.contains(.ignoresHeaderChecksum), !isZero(start, Layout.frameHeaderSize) else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: Layout.frameHeaderSize, alignment: 8) { copy in
            guard let base = copy.baseAddress else { return nil }
            base.copyMemory(from: start, byteCount: Layout.frameHeaderSize)
            base.store(FrameHeader.checksum(at: base, seed: seed), at: 0)
            return FrameHeader(at: base, seed: seed)
        }
    }

    private func fault(of header: FrameHeader, limit: UInt64) -> FrameFault? {
        let isFiller = header.kind == FrameHeader.Kind.filler
        guard header.kind == FrameHeader.Kind.data || isFiller, header.codec == 0, header.flags == 0 else {
            return .kind
        }
        // The length first: with the header added, the largest does not fit an `Int` of 32 bits.
        guard UInt64(header.bodyLength) <= limit - offset, UInt64(header.size) <= limit - offset else { return .length }
        guard header.firstLSN == nextLSN, (header.eventCount == 0) == isFiller,
            header.firstLSN <= UInt64.max - UInt64(header.eventCount)
        else { return .lsn }
        if let link, header.link != link, !flaws.contains(.ignoresLink) { return .link }
        if header.epoch < epoch, !flaws.contains(.ignoresEpoch) { return .epoch }
        if let incarnation, header.epoch == epoch, header.incarnation != incarnation, !flaws.contains(.ignoresEpoch) {
            return .epoch
        }
        guard header.watermark < header.firstLSN else { return .watermark }
        return nil
    }

    /// Steps over a frame that was found whole.
    package mutating func accept(_ header: FrameHeader) {
        offset += UInt64(header.size)
        nextLSN = header.nextLSN
        link = header.checksum
        epoch = header.epoch
        incarnation = header.incarnation
    }
}

/// Whether `count` bytes, a multiple of eight, are all zero.
package func isZero(_ start: UnsafeRawPointer, _ count: Int) -> Bool {
    var offset = 0
    while offset &+ 64 <= count {
        var bits: UInt64 = 0
        for word in 0..<8 { bits |= start.loadUnaligned(fromByteOffset: offset &+ word &* 8, as: UInt64.self) }
        if bits != 0 { return false }
        offset &+= 64
    }
    while offset < count {
        if start.loadUnaligned(fromByteOffset: offset, as: UInt8.self) != 0 { return false }
        offset &+= 1
    }
    return true
}
