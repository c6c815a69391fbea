/// One event as it lies in a frame body (docs/format.md, "Record").
///
/// ```
/// u32  head: flags in bits 0–3, kind in bits 4–7, payload length in bits 8–31
/// u32  payload length, only if the length in the head is 0xFFFFFF
/// u32  meta length     (flag 1)
/// u16  key length      (flag 2)
/// i64  timestamp       (flag 4)
/// payload, meta, key
/// ```
@usableFromInline
package enum Record {
    package static let hasMeta: UInt32 = 1
    package static let hasKey: UInt32 = 2
    package static let hasTimestamp: UInt32 = 4
    package static let headLengthLimit = 0xFF_FFFF

    /// The encoded size of a record that is a payload alone.
    @inlinable @inline(__always)
    package static func plainSize(payload: Int) -> Int {
        (payload < 0xFF_FFFF ? 4 : 8) &+ payload
    }

    /// The encoded size of a record.
    @inlinable
    package static func size(payload: Int, meta: Int?, key: Int?, timestamp: Bool) -> Int {
        var size = plainSize(payload: payload)
        if let meta { size += 4 + meta }
        if let key { size += 2 + key }
        if timestamp { size += 8 }
        return size
    }

    /// Writes a record that is a payload alone; returns the address behind it.
    @inlinable @inline(__always)
    package static func encodePlain(_ payload: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer) {
        var target = start
        if payload.count < 0xFF_FFFF {
            target.store(UInt32(truncatingIfNeeded: payload.count) << 8, at: 0)
            target += 4
        } else {
            target.store(UInt32(0xFF_FFFF) << 8, at: 0)
            target.store(UInt32(truncatingIfNeeded: payload.count), at: 4)
            target += 8
        }
        if let source = payload.baseAddress { target.copyMemory(from: source, byteCount: payload.count) }
    }

    /// Writes a record of `size(…)` bytes.
    package static func encode(
        payload: UnsafeRawBufferPointer, meta: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?, time: EventTime?,
        at start: UnsafeMutableRawPointer
    ) {
        var flags: UInt32 = 0
        if meta != nil { flags |= hasMeta }
        if key != nil { flags |= hasKey }
        if time != nil { flags |= hasTimestamp }
        var target = start
        let inHead = min(payload.count, headLengthLimit)
        target.store(UInt32(truncatingIfNeeded: inHead) << 8 | flags, at: 0)
        target += 4
        if inHead == headLengthLimit {
            target.store(UInt32(truncatingIfNeeded: payload.count), at: 0)
            target += 4
        }
        if let meta {
            target.store(UInt32(truncatingIfNeeded: meta.count), at: 0)
            target += 4
        }
        if let key {
            target.store(UInt16(truncatingIfNeeded: key.count), at: 0)
            target += 2
        }
        if let time {
            target.store(time.nanosecondsSince1970, at: 0)
            target += 8
        }
        if let source = payload.baseAddress { target.copyMemory(from: source, byteCount: payload.count) }
        target += payload.count
        if let meta {
            if let source = meta.baseAddress { target.copyMemory(from: source, byteCount: meta.count) }
            target += meta.count
        }
        if let key, let source = key.baseAddress { target.copyMemory(from: source, byteCount: key.count) }
    }
}

/// One decoded event. The buffers point into the reader's memory and are valid until its next step.
///
/// Public so that the loop over records can be compiled into the module above; not meant for use outside this package.
@frozen
public struct RecordView {
    /// Its LSN.
    public var lsn: UInt64
    /// The event.
    public var payload: UnsafeRawBufferPointer
    /// What goes with it.
    public var meta: UnsafeRawBufferPointer?
    /// Its key.
    public var key: UnsafeRawBufferPointer?
    /// The event's own time, else its frame's, in nanoseconds since 1970.
    public var time: Int64

    @inlinable @inline(__always)
    init(
        lsn: UInt64, payload: UnsafeRawBufferPointer, meta: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?,
        time: Int64
    ) {
        self.lsn = lsn
        self.payload = payload
        self.meta = meta
        self.key = key
        self.time = time
    }
}

extension Record {
    /// Decodes the record at `position`, not reading at or past `end`. Returns the view and the position behind it, or nil
    /// if the bytes are no record of this version: lengths are checked before they are followed.
    @inlinable @inline(__always)
    static func decode(
        at position: UnsafeRawPointer, end: UnsafeRawPointer, lsn: UInt64, frameTime: Int64
    ) -> (view: RecordView, next: UnsafeRawPointer)? {
        let available = end - position
        guard available >= 4 else { return nil }
        let head = UInt32(littleEndian: position.loadUnaligned(as: UInt32.self))
        let length = Int(head >> 8)
        if head & 0xFF == 0 && length < 0xFF_FFFF {
            guard length <= available &- 4 else { return nil }
            let payload = UnsafeRawBufferPointer(start: position + 4, count: length)
            return (
                RecordView(lsn: lsn, payload: payload, meta: nil, key: nil, time: frameTime), position + (4 &+ length)
            )
        }
        return decodeFlagged(at: position, end: end, lsn: lsn, frameTime: frameTime)
    }

    @usableFromInline
    static func decodeFlagged(
        at position: UnsafeRawPointer, end: UnsafeRawPointer, lsn: UInt64, frameTime: Int64
    ) -> (view: RecordView, next: UnsafeRawPointer)? {
        let head = position.load(0, as: UInt32.self)
        let flags = head & 0xFF
        guard flags & ~(hasMeta | hasKey | hasTimestamp) == 0 else { return nil }
        var payloadLength = Int(head >> 8)
        let fixed =
            4 + (payloadLength == headLengthLimit ? 4 : 0) + (flags & hasMeta != 0 ? 4 : 0)
            + (flags & hasKey != 0 ? 2 : 0) + (flags & hasTimestamp != 0 ? 8 : 0)
        let available = end - position
        guard fixed <= available else { return nil }
        var cursor = 4
        if payloadLength == headLengthLimit {
            payloadLength = Int(clamping: position.load(cursor, as: UInt32.self))
            guard payloadLength >= headLengthLimit else { return nil }
            cursor += 4
        }
        var metaLength = 0
        if flags & hasMeta != 0 {
            metaLength = Int(clamping: position.load(cursor, as: UInt32.self))
            cursor += 4
        }
        var keyLength = 0
        if flags & hasKey != 0 {
            keyLength = Int(position.load(cursor, as: UInt16.self))
            cursor += 2
        }
        var time = frameTime
        if flags & hasTimestamp != 0 {
            time = position.load(cursor, as: Int64.self)
            cursor += 8
        }
        // One by one: where an `Int` has 32 bits, their sum may not fit.
        let left = available - cursor
        guard payloadLength <= left, metaLength <= left - payloadLength,
            keyLength <= left - payloadLength - metaLength
        else { return nil }
        let payload = UnsafeRawBufferPointer(start: position + cursor, count: payloadLength)
        cursor += payloadLength
        let meta = flags & hasMeta != 0 ? UnsafeRawBufferPointer(start: position + cursor, count: metaLength) : nil
        cursor += metaLength
        let key = flags & hasKey != 0 ? UnsafeRawBufferPointer(start: position + cursor, count: keyLength) : nil
        cursor += keyLength
        return (RecordView(lsn: lsn, payload: payload, meta: meta, key: key, time: time), position + cursor)
    }
}
