import WalPlatform

/// Events to be appended together: after a crash all of them are replayed, or none.
///
/// A batch lays its events out in their on-disk form as they are added, so that appending it is one copy. It is used up
/// by the append that takes it. Not thread-safe; may be sent to another thread.
///
/// ```swift
/// var batch = EventBatch()
/// try batch.append(first)
/// try batch.append(second, meta: header)
/// let last = try log.append(batch)
/// ```
public struct EventBatch: ~Copyable, @unchecked Sendable {
    // The memory is owned by this value alone, which can't be copied: hence Sendable.
    private var base: UnsafeMutableRawPointer
    /// Never above what any segment can hold: what fits it needs no further check.
    private var capacity: Int
    private var used = 0

    /// The number of events added.
    public private(set) var count = 0
    package private(set) var payloadBytes = 0
    package private(set) var oldestTime = Int64.max
    package private(set) var newestTime = Int64.min

    /// No segment is larger. An `Int` may have 32 bits, in which the size itself does not fit.
    private static let bytesMax = Int(clamping: Layout.segmentSizeMax)
    private static let reservedMax = 64 << 20

    /// Makes an empty batch.
    ///
    /// - Parameter capacity: bytes to set aside at the start; the batch grows as needed.
    public init(capacity: Int = 4096) {
        // A hint: what is not known to be needed is not taken all at once.
        self.capacity = min(max(64, capacity), Self.reservedMax)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit {
        base.deallocate()
    }

    /// Whether the batch has no events.
    public var isEmpty: Bool { count == 0 }

    /// The bytes the batch takes in the log, without the frame around it.
    public var byteCount: Int { used }

    /// What an event of such lengths adds to ``byteCount``.
    package static func size(of payload: Int, meta: Int?) -> Int {
        Record.size(payload: payload, meta: meta, key: nil, timestamp: false)
    }

    package var records: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: used) }

    /// Adds an event. Copies it; the fastest form.
    ///
    /// - Parameter payload: the event.
    /// - Throws: `tooLarge`; the batch is unchanged then.
    public mutating func append(_ payload: UnsafeRawBufferPointer) throws(WalError) {
        let size = Record.plainSize(payload: payload.count)
        guard size <= capacity &- used else { return try append(payload, meta: nil, key: nil, time: nil) }
        Record.encodePlain(payload, at: base + used)
        used &+= size
        count &+= 1
        payloadBytes &+= payload.count
    }

    /// Adds an event. Copies it.
    ///
    /// - Parameter payload: the event.
    /// - Throws: `tooLarge`; the batch is unchanged then.
    public mutating func append(_ payload: RawSpan) throws(WalError) {
        try payload.withUnsafeBytes { (bytes) throws(WalError) in try append(bytes) }
    }

    /// Adds an event with its optional parts. Copies all of it.
    ///
    /// - Parameters:
    ///   - payload: the event.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it the time of writing counts.
    /// - Throws: `tooLarge`; the batch is unchanged then.
    public mutating func append(
        _ payload: RawSpan, meta: RawSpan? = nil, key: RawSpan? = nil, time: EventTime? = nil
    ) throws(WalError) {
        try withBuffers(payload, meta, key) { (payload, meta, key) throws(WalError) in
            try append(payload, meta: meta, key: key, time: time)
        }
    }

    /// Adds an event given as an array. Copies it.
    ///
    /// - Parameter payload: the event.
    /// - Throws: `tooLarge`; the batch is unchanged then.
    public mutating func append(_ payload: [UInt8]) throws(WalError) {
        try append(payload.span.bytes)
    }

    /// Adds an event given as an array with its optional parts. Copies all of it.
    ///
    /// - Parameters:
    ///   - payload: the event.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it the time of writing counts.
    /// - Throws: `tooLarge`; the batch is unchanged then.
    public mutating func append(
        _ payload: [UInt8], meta: [UInt8]? = nil, key: [UInt8]? = nil, time: EventTime? = nil
    ) throws(WalError) {
        try append(payload.span.bytes, meta: meta?.span.bytes, key: key?.span.bytes, time: time)
    }

    package mutating func append(
        _ payload: UnsafeRawBufferPointer, meta: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?, time: EventTime?
    ) throws(WalError) {
        try Record.checkLengths(payload: payload.count, meta: meta?.count, key: key?.count)
        let size = Record.size(payload: payload.count, meta: meta?.count, key: key?.count, timestamp: time != nil)
        guard size <= Self.bytesMax - used, count < Int(Int32.max) else {
            throw WalError(.tooLarge, "the batch would grow past \(Layout.segmentSizeMax) bytes; append it in parts")
        }
        reserve(size)
        Record.encode(payload: payload, meta: meta, key: key, time: time, at: base + used)
        used += size
        count += 1
        payloadBytes += payload.count
        if let time {
            oldestTime = min(oldestTime, time.nanosecondsSince1970)
            newestTime = max(newestTime, time.nanosecondsSince1970)
        }
    }

    private mutating func reserve(_ size: Int) {
        guard used + size > capacity else { return }
        let grown = min(max(capacity.multipliedClamped(by: 2), used + size), Self.bytesMax)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
        memory.copyMemory(from: base, byteCount: used)
        base.deallocate()
        base = memory
        capacity = grown
    }
}

extension Record {
    /// Refuses lengths that no segment of any size can hold.
    package static func checkLengths(payload: Int, meta: Int?, key: Int?) throws(WalError) {
        if let meta, meta > Layout.metaBytesMax {
            throw WalError(.tooLarge, "meta of \(meta) bytes is larger than the limit of \(Layout.metaBytesMax)")
        }
        if let key, key > Layout.keyBytesMax {
            throw WalError(.tooLarge, "a key of \(key) bytes is larger than the limit of \(Layout.keyBytesMax)")
        }
        if UInt64(payload) > Layout.segmentSizeMax {
            throw WalError(.tooLarge, "a payload of \(payload) bytes is larger than any segment can hold")
        }
    }
}
