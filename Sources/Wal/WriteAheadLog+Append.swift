internal import SegmentStore

// Appending an event: the synchronous forms. All of them promise the same:
//
// The event has its LSN, and with it its place in the order of the log, when the call returns. It is written a little
// later (`flush()` waits for that), and durable later still (see `SyncPolicy`).
// An append that throws has used no LSN and left nothing behind. Each is one short critical section and one copy.

extension WriteAheadLog {
    /// Appends an event and returns its LSN at once; it is not yet durable.
    ///
    /// The fastest form. May block only while the queue is full, under back-pressure `.block`. Until the writer has
    /// written it, the event is in this process's memory alone.
    ///
    /// - Parameter payload: the event; it is copied.
    /// - Throws: `tooLarge`, `queueFull`, `dropped`, `diskFull`, `unavailable` (the system refuses what is needed
    ///   for now; the log goes on by itself), `draining`, `closed`, `failed`, `readOnly`, `lsnOverflow`.
    @discardableResult
    public func append(_ payload: UnsafeRawBufferPointer) throws(WalError) -> LSN {
        if payload.count <= plainLimit, !queue.isForked {
            let lsn = queue.appendPlain(payload)
            if lsn != 0 { return LSN(lsn) }
        }
        return LSN(try appendParts(payload, nil, nil, nil, expecting: nil).lsn)
    }

    /// Appends an event and returns its LSN at once; it is not yet durable.
    ///
    /// - Parameter payload: the event; it is copied.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``.
    @discardableResult
    public func append(_ payload: RawSpan) throws(WalError) -> LSN {
        try payload.withUnsafeBytes { (bytes) throws(WalError) in try append(bytes) }
    }

    /// Appends an event and returns its LSN at once; it is not yet durable.
    ///
    /// - Parameter payload: the event; it is copied.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``.
    @discardableResult
    public func append(_ payload: [UInt8]) throws(WalError) -> LSN {
        try append(payload.span.bytes)
    }

    /// Appends a text, in UTF-8, and returns its LSN at once; it is not yet durable.
    ///
    /// - Parameter text: the event; it is copied.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``.
    @discardableResult
    public func append(_ text: some StringProtocol) throws(WalError) -> LSN {
        try append(String(text).utf8)
    }

    /// Appends a text and returns its LSN at once; it is not yet durable.
    ///
    /// - Parameter text: the event; it is copied.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``.
    @discardableResult
    public func append(_ text: String.UTF8View) throws(WalError) -> LSN {
        try append(text.span.bytes)
    }

    /// Appends an event with its optional parts and returns its LSN at once; it is not yet durable.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``, and `unexpectedLSN`, which tells the newest.
    @discardableResult
    public func append(
        _ payload: RawSpan, meta: RawSpan?, key: RawSpan? = nil, time: EventTime? = nil, expecting expected: LSN? = nil
    ) throws(WalError) -> LSN {
        try withBuffers(payload, meta, key) { (payload, meta, key) throws(WalError) in
            LSN(try appendParts(payload, meta, key, time, expecting: expected).lsn)
        }
    }

    /// Appends an event with its optional parts and returns its LSN at once; it is not yet durable.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``, and `unexpectedLSN`, which tells the newest.
    @discardableResult
    public func append(
        _ payload: [UInt8], meta: [UInt8]?, key: [UInt8]? = nil, time: EventTime? = nil, expecting expected: LSN? = nil
    ) throws(WalError) -> LSN {
        try append(
            payload.span.bytes, meta: meta?.span.bytes, key: key?.span.bytes, time: time, expecting: expected)
    }

    /// Appends an event if the newest LSN assigned is the expected one.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied.
    ///   - expected: the LSN that must be the newest assigned (``lastAssignedLSN``).
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``, and `unexpectedLSN`, which tells the newest.
    @discardableResult
    public func append(_ payload: RawSpan, expecting expected: LSN) throws(WalError) -> LSN {
        try append(payload, meta: nil, expecting: expected)
    }

    /// Appends an event if the newest LSN assigned is the expected one.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied.
    ///   - expected: the LSN that must be the newest assigned (``lastAssignedLSN``).
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``, and `unexpectedLSN`, which tells the newest.
    @discardableResult
    public func append(_ payload: [UInt8], expecting expected: LSN) throws(WalError) -> LSN {
        try append(payload.span.bytes, meta: nil, expecting: expected)
    }

    /// Appends a batch: after a crash all of it is replayed, or none.
    ///
    /// Returns the LSN of its last event at once; it is not yet durable.
    ///
    /// - Parameters:
    ///   - batch: at least one event, and no more than a segment can hold; used up, also by a failing call.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``, and `emptyBatch`, `unexpectedLSN`.
    @discardableResult
    public func append(_ batch: consuming EventBatch, expecting expected: LSN? = nil) throws(WalError) -> LSN {
        LSN(try appendBatch(batch, expecting: expected).lsn)
    }

    func appendParts(
        _ payload: UnsafeRawBufferPointer, _ meta: UnsafeRawBufferPointer?, _ key: UnsafeRawBufferPointer?,
        _ time: EventTime?, expecting expected: LSN?, wakesWriter: Bool = true
    ) throws(WalError) -> Ticket {
        let size = try core.checkedSize(
            payload: payload.count, meta: meta?.count, key: key?.count, hasTime: time != nil)
        return try core.append(size: size, events: 1, expecting: expected, wakesWriter: wakesWriter) {
            $0.append(payload, meta: meta, key: key, time: time, lsn: $1)
        }
    }

    func appendBatch(
        _ batch: borrowing EventBatch, expecting expected: LSN?, wakesWriter: Bool = true
    ) throws(WalError) -> Ticket {
        try core.checkBatch(count: batch.count, bytes: batch.byteCount)
        return try core.append(
            size: batch.byteCount, events: batch.count, expecting: expected, wakesWriter: wakesWriter
        ) {
            $0.append(batch, firstLSN: $1)
        }
    }
}
