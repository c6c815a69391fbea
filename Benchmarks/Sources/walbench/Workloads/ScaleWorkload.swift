import CFloor
import Foundation
import Wal

/// What a log of many small segments costs: every column must stay flat, or grow by no more than the number of names.
struct ScaleRow: Codable, Sendable {
    var segments = 0
    var openMilliseconds = 0.0
    var openAfterKillMilliseconds = 0.0
    var seekMicroseconds = 0.0
    var appendNanoseconds = 0.0
    /// Truncation of one segment at the front.
    var truncateMilliseconds = 0.0
    /// Truncation of half of all, per segment dropped.
    var truncateHalfMicroseconds = 0.0
    /// The program's own memory, and with the pages of mapped files.
    var ownBytes: UInt64 = 0
    var residentBytes: UInt64 = 0
    var descriptors = 0
}

struct ScaleWorkload {
    var path: String
    var segments: Int

    private static let eventsPerSegment = 5
    private static let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 200)

    private static var options: WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.segmentSize = 16 << 10
        options.indexSpacing = 4096
        options.sync = .never
        return options
    }

    func run() throws -> ScaleRow {
        try fill()
        var row = ScaleRow(segments: segments)
        row.openMilliseconds = try median(5) {
            let (log, time) = try open()
            try log.shutdown()
            return time
        }
        row.openAfterKillMilliseconds = try median(5) {
            // Closed without an end, as by a kill: the next open recovers.
            let (left, _) = try open()
            try left.append(Self.payload)
            try left.flush()
            try left.close()
            let (log, time) = try open()
            try log.shutdown()
            return time
        }
        Machine.resetPeak()
        try append(&row)
        let (log, _) = try open()
        try seek(log, &row)
        try truncate(log, &row)
        row.ownBytes = Machine.anonymousBytes
        row.residentBytes = Machine.peakBytes
        try log.shutdown()
        return row
    }

    private func fill() throws {
        let log = try WriteAheadLog.open(at: path, options: Self.options)
        for _ in 0..<max(segments - 1, 0) {
            for _ in 0..<Self.eventsPerSegment { try log.append(Self.payload) }
            try log.rotate()
        }
        try log.append(Self.payload)
        // A log that lives long has been sealed long ago: the background gets the time for it.
        while try log.segments().contains(where: { $0.state == .rolled }) { Thread.sleep(forTimeInterval: 0.1) }
        try log.shutdown()
    }

    private func open() throws -> (WriteAheadLog, Double) {
        let start = floor_now()
        let log = try WriteAheadLog.open(at: path, options: Self.options)
        return (log, Double(floor_now() - start) / 1e6)
    }

    private func median(_ count: Int, _ body: () throws -> Double) rethrows -> Double {
        var values: [Double] = []
        for _ in 0..<count { values.append(try body()) }
        return values.sorted()[count / 2]
    }

    private func seek(_ log: WriteAheadLog, _ row: inout ScaleRow) throws {
        var random = SystemRandomNumberGenerator()
        row.seekMicroseconds = try median(501) {
            let lsn = LSN(UInt64.random(in: log.firstLSN.rawValue...log.lastLSN.rawValue, using: &random))
            let start = floor_now()
            var events = try log.iterator(from: lsn)
            let found = try events.next()?.lsn
            let time = Double(floor_now() - start) / 1e3
            guard found == lsn else { throw BenchmarkError.wrongContents("event \(lsn) was not found") }
            row.descriptors = max(row.descriptors, Machine.descriptors)
            return time
        }
    }

    /// Into a segment of the usual size: what is measured is the append, not the roll.
    private func append(_ row: inout ScaleRow) throws {
        var options = Self.options
        options.segmentSize = 64 << 20
        let log = try WriteAheadLog.open(at: path, options: options)
        try log.rotate()
        let count = 50_000
        row.appendNanoseconds = try median(5) {
            try seconds {
                for _ in 0..<count { try log.append(Self.payload) }
                try log.flush()
            } * 1e9 / Double(count)
        }
        row.descriptors = max(row.descriptors, Machine.descriptors)
        try log.shutdown()
    }

    private func truncate(_ log: WriteAheadLog, _ row: inout ScaleRow) throws {
        func bases() throws -> [LSN] { try log.segments().map(\.firstLSN) }
        var all = try bases()
        if all.count > 4 {
            row.truncateMilliseconds = try median(3) {
                defer { all.removeFirst() }
                return try seconds { try log.truncate(before: all[1]) } * 1e3
            }
        }
        let half = all.count / 2
        guard half > 0 else { return }
        row.truncateHalfMicroseconds = try seconds { try log.truncate(before: all[half]) } * 1e6 / Double(half)
    }
}
