/// The segment file made ahead, still without a header.
package struct SpareSegment: Sendable {
    package var file: any StorageFile
    package var size: UInt64
    /// Bytes filled with zeros so far, where that is asked for.
    package var filled: UInt64 = 0
    /// The header it was written for the roll that is under way, whose rename reported an error and may have been done all
    /// the same: the roll goes on with just this header.
    package var header: SegmentHeader?
}
