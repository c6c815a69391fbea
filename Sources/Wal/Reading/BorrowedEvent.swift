public import SegmentStore

/// One event of a log, in the log's own memory: reading it copies nothing, and the compiler keeps it, and every span
/// taken from it, from outliving the step that gave it.
///
/// Use ``owned()`` to keep it.
public struct BorrowedEvent: ~Escapable {
    // Copies end with the step as well. One that can't be copied is put into memory and destroyed by a call, per event.

    /// Its number.
    public let lsn: LSN
    /// The epoch under which it was written.
    public let epoch: UInt32
    /// The random bits drawn when that epoch began.
    public let incarnation: UInt64
    /// The time it was given, else that of its writing.
    public let time: EventTime
    /// Its bytes.
    public let payload: RawSpan
    /// The bytes that were appended with it, if any.
    public let meta: RawSpan?
    /// Its key, if any.
    public let key: RawSpan?

    /// - Parameter view: memory that stays as it is for as long as the caller lets the new value live.
    @_lifetime(immortal)
    @inlinable @inline(__always)
    init(_ view: RecordView, epoch: UInt32, incarnation: UInt64) {
        self.epoch = epoch
        self.incarnation = incarnation
        lsn = LSN(view.lsn)
        time = EventTime(nanosecondsSince1970: view.time)
        payload = RawSpan(immortal: view.payload)
        meta = if let meta = view.meta { RawSpan(immortal: meta) } else { nil }
        key = if let key = view.key { RawSpan(immortal: key) } else { nil }
    }

    /// What a consumer that has processed it stores, to go on behind it later.
    public var position: Position { Position(lsn: lsn, epoch: epoch, incarnation: incarnation) }

    /// A copy with memory of its own.
    public func owned() -> Event {
        Event(
            lsn: lsn, payload: payload.bytes, meta: meta?.bytes, key: key?.bytes, time: time, epoch: epoch,
            incarnation: incarnation)
    }

    /// A copy of the payload.
    @inlinable
    public var payloadBytes: [UInt8] { payload.bytes }

    /// A copy of the meta bytes, if there are any.
    @inlinable
    public var metaBytes: [UInt8]? { meta?.bytes }

    /// A copy of the key, if there is one.
    @inlinable
    public var keyBytes: [UInt8]? { key?.bytes }
}

extension RawSpan {
    // Sound because the values made here are put into a `BorrowedEvent` only, whose maker bounds its life.
    @_lifetime(immortal)
    @inlinable @inline(__always)
    init(immortal buffer: UnsafeRawBufferPointer) {
        let span = RawSpan(_unsafeBytes: buffer)
        self = _overrideLifetime(span, borrowing: ())
    }

    @inlinable
    var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
