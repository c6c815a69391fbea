/// The records of one verified frame, decoded one by one.
///
/// Public so that the loop over it can be compiled into the module above; not meant for use outside this package.
@frozen
public struct RecordRun {
    @usableFromInline var position: UnsafeRawPointer
    @usableFromInline var end: UnsafeRawPointer
    @usableFromInline var remaining: Int
    @usableFromInline var lsn: UInt64
    @usableFromInline var time: Int64

    /// A run over `count` records that lie from `position` to `end`; the memory must stay valid while the run is used.
    @inlinable
    public init(position: UnsafeRawPointer, end: UnsafeRawPointer, count: Int, firstLSN: UInt64, time: Int64) {
        self.position = position
        self.end = end
        remaining = count
        lsn = firstLSN
        self.time = time
    }

    /// Whether all records have been decoded.
    @inlinable
    public var isEmpty: Bool { remaining == 0 }

    /// The LSN of the record that `next` would decode.
    @inlinable
    public var nextLSN: UInt64 { lsn }

    /// Whether the records are all there and end where the body does. A frame is parsed whole before one of its events is given
    /// out (docs/format.md, F-43): else a batch could be given out in part.
    package var isWhole: Bool {
        var rest = self
        while rest.remaining > 0 {
            guard rest.next() != nil else { return false }
        }
        return rest.position == rest.end
    }

    /// Leaves out the records behind an LSN.
    package mutating func keep(through last: UInt64) {
        remaining = last < lsn ? 0 : Int(min(UInt64(remaining), last - lsn + 1))
    }

    /// Decodes the next record. Nil if there is none left, or if the bytes are no record, which `isEmpty` tells apart.
    @inlinable @inline(__always)
    public mutating func next() -> RecordView? {
        guard remaining > 0, let (view, next) = Record.decode(at: position, end: end, lsn: lsn, frameTime: time) else {
            return nil
        }
        position = next
        remaining &-= 1
        lsn &+= 1
        return view
    }
}
