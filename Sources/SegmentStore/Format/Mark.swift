/// A point between two frames: everything up to it, and how a frame that follows it must begin.
package struct Mark: Sendable, Hashable {
    /// The last event before the point.
    package var lsn: UInt64
    /// The base of the segment the point lies in.
    package var segment: UInt64
    /// The offset in that segment.
    package var offset: UInt64
    /// The header checksum of the frame before; that of the header block where there is no frame before.
    package var link: UInt32
    /// Epoch and incarnation of the frame before; those of the header block where there is no frame before.
    package var epoch: UInt32
    package var incarnation: UInt64

    package init(lsn: UInt64, segment: UInt64, offset: UInt64, link: UInt32, epoch: UInt32, incarnation: UInt64) {
        self.lsn = lsn
        self.segment = segment
        self.offset = offset
        self.link = link
        self.epoch = epoch
        self.incarnation = incarnation
    }

    /// The point behind the header block of a segment without frames.
    package init(startOf header: SegmentHeader) {
        self.init(
            lsn: header.firstLSN - 1, segment: header.firstLSN, offset: UInt64(Layout.blockSize), link: header.checksum,
            epoch: header.epoch, incarnation: header.incarnation)
    }
}
