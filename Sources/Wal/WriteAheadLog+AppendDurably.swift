internal import SegmentStore

extension WriteAheadLog {
    /// Appends an event and returns when it is on stable storage.
    ///
    /// Blocks for a write and an fsync, shared with every other caller that waits: the calling thread commits for all
    /// if nobody does. An error after the event was accepted leaves it in the log; whether it survives is then unknown.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as ``append(_:meta:key:time:expecting:)-(RawSpan,_,_,_,_)`` and ``waitDurable(_:)``.
    @discardableResult
    public func appendDurably(
        _ payload: RawSpan, meta: RawSpan? = nil, key: RawSpan? = nil, time: EventTime? = nil,
        expecting expected: LSN? = nil
    ) throws(WalError) -> LSN {
        let ticket = try withBuffers(payload, meta, key) { (payload, meta, key) throws(WalError) in
            try appendParts(payload, meta, key, time, expecting: expected, wakesWriter: false)
        }
        try core.makeDurable(ticket)
        return LSN(ticket.lsn)
    }

    /// Appends an event and returns when it is on stable storage; see the form with a `RawSpan`.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the form with a `RawSpan`.
    @discardableResult
    public func appendDurably(
        _ payload: [UInt8], meta: [UInt8]? = nil, key: [UInt8]? = nil, time: EventTime? = nil,
        expecting expected: LSN? = nil
    ) throws(WalError) -> LSN {
        try appendDurably(
            payload.span.bytes, meta: meta?.span.bytes, key: key?.span.bytes, time: time, expecting: expected)
    }

    /// Appends a text, in UTF-8, and returns when it is on stable storage; see the form with a `RawSpan`.
    ///
    /// - Parameter text: the event; it is copied.
    /// - Throws: as the form with a `RawSpan`.
    @discardableResult
    public func appendDurably(_ text: some StringProtocol) throws(WalError) -> LSN {
        try appendDurably(String(text).utf8.span.bytes)
    }

    /// Appends a batch and returns when it is on stable storage: the LSN of its last event.
    ///
    /// - Parameters:
    ///   - batch: at least one event, and no more than a segment can hold; used up, also by a failing call.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the form with a `RawSpan`, and `emptyBatch`.
    @discardableResult
    public func appendDurably(_ batch: consuming EventBatch, expecting expected: LSN? = nil) throws(WalError) -> LSN {
        let ticket = try appendBatch(batch, expecting: expected, wakesWriter: false)
        try core.makeDurable(ticket)
        return LSN(ticket.lsn)
    }

    // MARK: Suspending

    /// Appends an event and returns when it is on stable storage.
    ///
    /// Suspends meanwhile; see the synchronous form.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied before the first suspension.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the synchronous form, and `cancelled`.
    @discardableResult
    public func appendDurably(
        _ payload: [UInt8], meta: [UInt8]? = nil, key: [UInt8]? = nil, time: EventTime? = nil,
        expecting expected: LSN? = nil
    ) async throws(WalError) -> LSN {
        let ticket = try await appendParts(
            payload.span.bytes, meta: meta?.span.bytes, key: key?.span.bytes, time: time, expecting: expected)
        try await core.makeDurable(ticket)
        return LSN(ticket.lsn)
    }

    /// Appends an event and returns when it is on stable storage.
    ///
    /// Suspends meanwhile; see the synchronous form.
    ///
    /// - Parameters:
    ///   - payload: the event; it is copied before the first suspension.
    ///   - meta: bytes that go with it; at most 1 MiB.
    ///   - key: a key; at most 65,535 bytes.
    ///   - time: the event's own time; without it that of its writing counts.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the synchronous form, and `cancelled`.
    @discardableResult
    public func appendDurably(
        _ payload: RawSpan, meta: RawSpan? = nil, key: RawSpan? = nil, time: EventTime? = nil,
        expecting expected: LSN? = nil
    ) async throws(WalError) -> LSN {
        let ticket = try await appendParts(
            payload, meta: meta, key: key, time: time, expecting: expected)
        try await core.makeDurable(ticket)
        return LSN(ticket.lsn)
    }

    /// Appends a text, in UTF-8, and returns when it is on stable storage.
    ///
    /// Suspends meanwhile.
    ///
    /// - Parameter text: the event; it is copied before the first suspension.
    /// - Throws: as the synchronous form, and `cancelled`.
    @discardableResult
    public func appendDurably(_ text: some StringProtocol) async throws(WalError) -> LSN {
        try await appendDurably([UInt8](text.utf8))
    }

    /// Appends a batch and returns when it is on stable storage.
    ///
    /// Suspends meanwhile; see the synchronous form.
    ///
    /// - Parameters:
    ///   - batch: at least one event, and no more than a segment can hold; used up, also by a failing call.
    ///   - expected: if given, the append fails unless this is the newest LSN assigned.
    /// - Throws: as the synchronous form, and `cancelled`.
    @discardableResult
    public func appendDurably(
        _ batch: consuming EventBatch, expecting expected: LSN? = nil
    ) async throws(WalError) -> LSN {
        let ticket = try await core.append(batch, expecting: expected)
        try await core.makeDurable(ticket)
        return LSN(ticket.lsn)
    }
}
