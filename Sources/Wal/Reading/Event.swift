/// One event of a log, with memory of its own.
public struct Event: Sendable, Hashable {
    /// Its position.
    public var lsn: LSN
    /// Its bytes.
    public var payload: [UInt8]
    /// The bytes that were appended with it, if any.
    public var meta: [UInt8]?
    /// Its key, if any.
    public var key: [UInt8]?
    /// The time it was given, else that of its writing.
    public var time: EventTime

    /// Makes an event.
    public init(lsn: LSN, payload: [UInt8], meta: [UInt8]? = nil, key: [UInt8]? = nil, time: EventTime) {
        self.lsn = lsn
        self.payload = payload
        self.meta = meta
        self.key = key
        self.time = time
    }
}

extension Event {
    init(_ view: RecordView) {
        lsn = LSN(view.lsn)
        payload = [UInt8](view.payload)
        meta = view.meta.map { [UInt8]($0) }
        key = view.key.map { [UInt8]($0) }
        time = EventTime(nanosecondsSince1970: view.time)
    }
}
