/// The segment file made ahead, still without a header.
package struct SpareSegment: Sendable {
    package var file: any StorageFile
    package var size: UInt64
    /// Bytes filled with zeros so far, where that is asked for.
    package var filled: UInt64 = 0
}
