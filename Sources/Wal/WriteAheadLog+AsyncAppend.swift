internal import SegmentStore

// The suspending twins of append. While there is room they cost what the synchronous forms cost and don't suspend; when
// the queue is full and the log waits, they copy the event once more and suspend until there is room.

extension WriteAheadLog {
    /// Appends an event; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameter payload: the event; it is copied before the first suspension.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ payload: RawSpan) async throws(WalError) -> LSN {
        try await append(payload, meta: nil)
    }

    /// Appends an event; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameter payload: the event.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ payload: [UInt8]) async throws(WalError) -> LSN {
        try await append(payload.span.bytes, meta: nil)
    }

    /// Appends a text, in UTF-8; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameter text: the event.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ text: some StringProtocol) async throws(WalError) -> LSN {
        let text = String(text)
        return try await append(text.utf8.span.bytes, meta: nil)
    }

    /// Appends a text; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameter text: the event.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ text: String.UTF8View) async throws(WalError) -> LSN {
        try await append(text.span.bytes, meta: nil)
    }

    /// Appends an event with its optional parts; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied before the first suspension.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(
        _ payload: RawSpan, meta: RawSpan?, key: RawSpan? = nil, time: EventTime? = nil, expecting expected: LSN? = nil
    ) async throws(WalError) -> LSN {
        LSN(try await appendParts(payload, meta: meta, key: key, time: time, expecting: expected).lsn)
    }

    /// Appends an event with its optional parts; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameters:
    ///   - payload: the event.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(
        _ payload: [UInt8], meta: [UInt8]?, key: [UInt8]? = nil, time: EventTime? = nil, expecting expected: LSN? = nil
    ) async throws(WalError) -> LSN {
        try await append(
            payload.span.bytes, meta: meta?.span.bytes, key: key?.span.bytes, time: time, expecting: expected)
    }

    /// Appends an event if the newest LSN assigned is the expected one.
    ///
    /// See the synchronous form.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied before the first suspension.
    ///   - expected: the LSN that must be the newest assigned (``lastAssignedLSN``).
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ payload: RawSpan, expecting expected: LSN) async throws(WalError) -> LSN {
        try await append(payload, meta: nil, expecting: expected)
    }

    /// Appends an event if the newest LSN assigned is the expected one.
    ///
    /// See the synchronous form.
    ///
    /// - Parameters:
    ///   - payload: the event.
    ///   - expected: the LSN that must be the newest assigned (``lastAssignedLSN``).
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ payload: [UInt8], expecting expected: LSN) async throws(WalError) -> LSN {
        try await append(payload.span.bytes, meta: nil, expecting: expected)
    }

    /// Appends a batch; suspends, instead of blocking, while the queue is full.
    ///
    /// See the synchronous form.
    ///
    /// - Parameters:
    ///   - batch: at least one event, and no more than a segment can hold; used up, also by a failing call.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the synchronous form, and `cancelled` (nothing was appended then).
    @discardableResult
    public func append(_ batch: consuming EventBatch, expecting expected: LSN? = nil) async throws(WalError) -> LSN {
        LSN(try await core.append(batch, expecting: expected).lsn)
    }

    func appendParts(
        _ payload: RawSpan, meta: RawSpan?, key: RawSpan?, time: EventTime?, expecting expected: LSN?
    ) async throws(WalError) -> Ticket {
        let ticket = try withBuffers(payload, meta, key) { (payload, meta, key) throws(WalError) in
            try tryAppendParts(payload, meta, key, time, expecting: expected)
        }
        if let ticket { return ticket }
        var batch = EventBatch(capacity: payload.byteCount + 64)
        try batch.append(payload, meta: meta, key: key, time: time)
        return try await core.append(batch, expecting: expected, hasWaited: true)
    }

    private func tryAppendParts(
        _ payload: UnsafeRawBufferPointer, _ meta: UnsafeRawBufferPointer?, _ key: UnsafeRawBufferPointer?,
        _ time: EventTime?, expecting expected: LSN?
    ) throws(WalError) -> Ticket? {
        let size = try core.checkedSize(
            payload: payload.count, meta: meta?.count, key: key?.count, hasTime: time != nil)
        var inLine = PlaceInLine(bytes: size, events: 1)
        return try core.tryAppend(size: size, events: 1, expecting: expected, &inLine) {
            $0.append(payload, meta: meta, key: key, time: time, lsn: $1)
        }
    }
}
