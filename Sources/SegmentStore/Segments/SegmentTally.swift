/// Summary and index of a segment's frames, kept up as they are written or scanned.
package struct SegmentTally: Sendable {
    package private(set) var summary = SegmentSummary()
    package private(set) var index: SparseIndex
    /// The offset from which on frames were counted; above the header block where opening trusted what lies before.
    package let from: UInt64

    package init(spacing: Int, from: UInt64 = UInt64(Layout.blockSize)) {
        index = SparseIndex(spacing: spacing)
        self.from = from
    }

    package var isComplete: Bool { from <= UInt64(Layout.blockSize) }

    /// Counts a frame as it is written.
    package mutating func add(_ header: FrameHeader, at offset: UInt64, _ staged: StagedFrame) {
        add(
            header, at: offset, payloadBytes: staged.payloadBytes, oldest: min(staged.oldestTime, header.time),
            newest: max(staged.newestTime, header.time))
    }

    /// Counts a frame that was read; nil if its records can't be decoded.
    package mutating func add(_ header: FrameHeader, at offset: UInt64, body: UnsafeRawPointer) -> Void? {
        var payloadBytes = 0
        var oldest = header.time
        var newest = header.time
        var position = body
        let end = body + header.bodyLength
        for number in 0..<header.eventCount {
            let lsn = header.firstLSN &+ UInt64(number)
            guard let (view, next) = Record.decode(at: position, end: end, lsn: lsn, frameTime: header.time) else {
                return nil
            }
            payloadBytes += view.payload.count
            oldest = min(oldest, view.time)
            newest = max(newest, view.time)
            position = next
        }
        guard header.eventCount == 0 || position == end else { return nil }
        add(header, at: offset, payloadBytes: payloadBytes, oldest: oldest, newest: newest)
        return ()
    }

    /// Counts a frame without events.
    package mutating func add(filler header: FrameHeader) {
        summary.add(header, payloadBytes: 0, oldestTime: header.time, newestTime: header.time)
    }

    private mutating func add(_ header: FrameHeader, at offset: UInt64, payloadBytes: Int, oldest: Int64, newest: Int64)
    {
        if header.eventCount > 0 { index.offer(lsn: header.firstLSN, offset: offset, before: summary) }
        summary.add(header, payloadBytes: payloadBytes, oldestTime: oldest, newestTime: newest)
    }
}
