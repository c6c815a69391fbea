import Foundation
import Wal

/// This engine, through its public interface alone.
final class WalLog: BenchLog, @unchecked Sendable {
    // Sendable: the log is; the rest is set before the threads start.
    let log: WriteAheadLog
    /// What lies up to here was appended to get ready.
    private var firstCounted: LSN = 0

    init(_ path: String, _ purpose: OpenFor, _ contestant: Contestant) throws {
        var options = WriteAheadLog.Options()
        options.segmentSize = purpose.segmentSize
        options.sync = purpose.isDurable ? .batch : .never
        options.readOnly = purpose.isReading
        if contestant == .walRead { options.readAccess = .read }
        if contestant == .walPrewritten { options.preallocation = .prewritten }
        log = try WriteAheadLog.open(at: path, options: options)
        if purpose.isDurable || contestant == .walPrewritten {
            try startInPrewrittenSegment(purpose.segmentSize)
        }
    }

    /// The first segment of a log is never prewritten; a log that lives for months is in its first only once. Uses up most of
    /// it, waits until the next one has been filled with zeros, and goes on there.
    private func startInPrewrittenSegment(_ segmentSize: Int) throws {
        let filling = [UInt8](repeating: 0, count: min(segmentSize / 64, 1 << 20))
        var used = 0
        while used < segmentSize / 8 * 7 {
            try log.append(filling)
            used += filling.count
        }
        try log.sync()
        var last = Machine.writtenBytes
        repeat {
            last = Machine.writtenBytes
            Thread.sleep(forTimeInterval: 0.1)
        } while Machine.writtenBytes != last
        try log.rotate()
        try log.append([1])
        try log.sync()
        firstCounted = log.lastLSN
    }

    func append(_ payload: UnsafeRawBufferPointer) throws { _ = try log.append(payload) }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        var batch = EventBatch(capacity: payloads.count + payloads.count / size * 8)
        var at = 0
        while at < payloads.count {
            try batch.append(UnsafeRawBufferPointer(rebasing: payloads[at..<at + size]))
            at += size
        }
        _ = try log.append(consume batch)
    }

    func appendDurably(_ payload: UnsafeRawBufferPointer) throws {
        _ = try log.appendDurably(RawSpan(_unsafeBytes: payload))
    }

    func flush() throws { try log.flush() }

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try log.replay(from: firstCounted == 0 ? 0 : LSN(firstCounted.rawValue + 1)) { event in
            try event.payload.withUnsafeBytes { try body($0) }
            return .continue
        }
    }

    func find(_ number: UInt64) throws -> UInt64 {
        var events = try log.iterator(from: LSN(number + 1))
        guard let event = try events.next() else { throw BenchmarkError.wrongContents("event \(number) is missing") }
        return event.payload.unsafeLoadUnaligned(as: UInt64.self)
    }

    func close() throws { try log.shutdown() }
}
