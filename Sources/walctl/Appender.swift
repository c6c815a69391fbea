import Wal
import WalPlatform

/// Appends events one by one or in atomic batches, and counts.
struct Appender: ~Copyable {
    private let log: WriteAheadLog
    private let batchCount: Int
    private let meta: [UInt8]?
    private var batch = EventBatch()
    private var batchBytes = 0
    var summary = AppendSummary()
    var progress = Progress()

    init(log: WriteAheadLog, batchCount: Int, meta: [UInt8]?) {
        self.log = log
        self.batchCount = batchCount
        self.meta = meta
    }

    /// The most bytes an event may have.
    var longestPayload: Int { log.largestPayload(meta: meta?.count) }
    /// The most bytes that a batch may take in the log.
    var largestUnit: Int { log.largestUnit }
    /// How many events the batch under way has.
    var batched: Int { batch.count }

    /// Whether the batch under way can take one more event. An event that goes alone was measured by the reader.
    func hasRoom(for event: UnsafeRawBufferPointer) -> Bool {
        batch.isEmpty || batch.byteCount + EventBatch.size(of: event.count, meta: meta?.count) <= log.largestUnit
    }

    /// Whether to read more: asked before each read, which may block. Returns false after an interruption.
    mutating func mayRead(_ stream: ProcessStream) -> Bool {
        let summary = summary
        progress.update("\(counted(summary.events, "event")), \(naturalSize(summary.payloadBytes))")
        // Between the look at the flag and the read a signal could go unnoticed for ever; this bounds it.
        while !ProcessSignals.wasInterrupted {
            if stream.waitUntilReadable(milliseconds: 500) { return !ProcessSignals.wasInterrupted }
        }
        return false
    }

    mutating func append(_ event: UnsafeRawBufferPointer) throws(WalError) {
        let meta = meta
        if batchCount > 1 {
            try batch.append(event.bytes, meta: meta?.span.bytes)
            batchBytes += event.count
            if batch.count == batchCount { try appendBatch() }
        } else {
            let lsn: LSN
            if let meta {
                lsn = try log.append(event.bytes, meta: meta.span.bytes)
            } else {
                lsn = try log.append(event)
            }
            summary.add(events: 1, bytes: event.count, last: lsn)
        }
    }

    /// Appends what a last, short batch holds.
    mutating func finish() throws(WalError) {
        if !batch.isEmpty { try appendBatch() }
    }

    private mutating func appendBatch() throws(WalError) {
        let (count, bytes) = (batch.count, batchBytes)
        // Room for the next of its kind at once, but no memory for what no segment can hold.
        var full = EventBatch(capacity: min(batch.byteCount + batch.byteCount / 8, log.largestUnit))
        swap(&full, &batch)
        batchBytes = 0
        summary.add(events: count, bytes: bytes, last: try log.append(full))
    }
}

/// What `append` tells at its end.
struct AppendSummary {
    private(set) var events: UInt64 = 0
    private(set) var payloadBytes: UInt64 = 0
    private(set) var firstLSN: LSN?
    private(set) var lastLSN: LSN?
    var durableLSN = LSN.zero
    private let start = SystemClock.monotonicNanoseconds()

    mutating func add(events count: Int, bytes: Int, last: LSN) {
        if firstLSN == nil { firstLSN = LSN(last.rawValue - UInt64(count) + 1) }
        events += UInt64(count)
        payloadBytes += UInt64(bytes)
        lastLSN = last
    }

    private var seconds: Double { max(1e-9, Double(SystemClock.monotonicNanoseconds() - start) / 1e9) }

    var text: String {
        guard let firstLSN, let lastLSN else { return "appended no events; durable up to LSN \(durableLSN)" }
        let seconds = seconds
        return "appended \(counted(events, "event")), LSN \(firstLSN)…\(lastLSN), \(naturalSize(payloadBytes)) in "
            + "\(decimals(seconds, 2)) s (\(wholeNumber(Double(events) / seconds)) events/s, "
            + "\(naturalSize(wholeNumber(Double(payloadBytes) / seconds)))/s); durable up to LSN \(durableLSN)"
    }

    var json: JSON {
        let seconds = seconds
        return .object([
            ("events", .unsigned(events)), ("payloadBytes", .unsigned(payloadBytes)),
            ("firstLSN", firstLSN.map { .unsigned($0.rawValue) } ?? .null),
            ("lastLSN", lastLSN.map { .unsigned($0.rawValue) } ?? .null),
            ("durableLSN", .unsigned(durableLSN.rawValue)), ("seconds", .number(seconds)),
            ("eventsPerSecond", .number(Double(events) / seconds)),
            ("bytesPerSecond", .number(Double(payloadBytes) / seconds)),
            ("interrupted", .bool(ProcessSignals.wasInterrupted)),
        ])
    }
}
