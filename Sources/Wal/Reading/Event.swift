/// One event of a log, with memory of its own.
public struct Event: Sendable, Hashable {
    /// Its number.
    public var lsn: LSN
    /// Its bytes.
    public var payload: [UInt8]
    /// The bytes that were appended with it, if any.
    public var meta: [UInt8]?
    /// Its key, if any.
    public var key: [UInt8]?
    /// The time it was given, else that of its writing.
    public var time: EventTime
    /// The epoch under which it was written; 0 of an event that was not read from a log.
    public var epoch: UInt32
    /// The random bits drawn when that epoch began.
    public var incarnation: UInt64

    /// What a consumer that has processed it stores, to go on behind it later.
    public var position: Position { Position(lsn: lsn, epoch: epoch, incarnation: incarnation) }

    /// Makes an event.
    public init(
        lsn: LSN, payload: [UInt8], meta: [UInt8]? = nil, key: [UInt8]? = nil, time: EventTime, epoch: UInt32 = 0,
        incarnation: UInt64 = 0
    ) {
        self.epoch = epoch
        self.incarnation = incarnation
        self.lsn = lsn
        self.payload = payload
        self.meta = meta
        self.key = key
        self.time = time
    }
}

extension Event {
    init(_ view: RecordView, epoch: UInt32, incarnation: UInt64) {
        self.epoch = epoch
        self.incarnation = incarnation
        lsn = LSN(view.lsn)
        payload = [UInt8](view.payload)
        meta = view.meta.map { [UInt8]($0) }
        key = view.key.map { [UInt8]($0) }
        time = EventTime(nanosecondsSince1970: view.time)
    }
}
