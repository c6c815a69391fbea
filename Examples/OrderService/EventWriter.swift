import Wal

/// Appends a workload's events, singly and in atomic batches.
struct EventWriter {
    let log: WriteAheadLog
    let workload: Workload
    /// How many events have been appended.
    private(set) var next: Int
    /// The hash of all events appended, if it covers them from the first.
    private(set) var hash = RunningHash()
    private(set) var batches = 0
    private(set) var singles = 0
    private(set) var payloadBytes = 0
    private var payload: [UInt8] = []
    private var meta: [UInt8] = []

    init(log: WriteAheadLog, workload: Workload, next: Int = 0) {
        self.log = log
        self.workload = workload
        self.next = next
    }

    /// Appends the next unit: one event, or one batch.
    mutating func appendUnit() throws {
        let end = workload.endOfUnit(next)
        let last: LSN
        if end == next + 1 {
            makeNext()
            last = try log.append(payload, meta: meta)
            singles += 1
        } else {
            var batch = EventBatch(capacity: 16 << 10)
            for _ in next..<end {
                makeNext()
                try batch.append(payload, meta: meta)
            }
            last = try log.append(batch)
            batches += 1
        }
        try check(last == LSN(UInt64(next)), "event \(next) of the workload got LSN \(last)")
    }

    private mutating func makeNext() {
        workload.make(next, payload: &payload, meta: &meta)
        hash.add(payload)
        hash.add(meta)
        payloadBytes += payload.count
        next += 1
    }
}
