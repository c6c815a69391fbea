import Foundation
import Wal

/// This engine, through its public interface alone.
final class WalLog: BenchLog {
    let log: WriteAheadLog

    init(_ path: String, _ purpose: OpenFor, _ contestant: Contestant) throws {
        var options = WriteAheadLog.Options()
        options.segmentSize = purpose.segmentSize
        options.sync = purpose.isDurable ? .batch : .never
        options.readOnly = purpose.isReading
        if contestant == .walRead { options.readAccess = .read }
        if contestant == .walPrewritten { options.preallocation = .prewritten }
        log = try WriteAheadLog.open(at: path, options: options)
        if purpose.isDurable || contestant == .walPrewritten { try startInPrewrittenSegment() }
    }

    /// The first segment of a log is never prewritten; a log that lives for months is in its first only once.
    private func startInPrewrittenSegment() throws {
        try log.append([UInt8](repeating: 0, count: 8))
        try log.rotate()
        try log.sync()
        try log.append([UInt8](repeating: 0, count: 8))
        try log.sync()
    }

    func append(_ payload: UnsafeRawBufferPointer) throws { _ = try log.append(payload) }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        var batch = EventBatch()
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
        try log.replay { event in
            try event.payload.withUnsafeBytes { if $0.count > 8 { try body($0) } }
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
