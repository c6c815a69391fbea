import CFloor
import Foundation
import Wal

/// W12, bytes on disk, and W13, replay of compressed logs.
struct CompressedWorkload {
    var events: Int
    var size: Int

    private static var options: WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.sync = .never
        return options
    }

    private func fill(_ path: String, batch: Int) throws -> WriteAheadLog {
        let log = try WriteAheadLog.open(at: path, options: Self.options)
        var payload = VariedPayload(size: size)
        var number = 0
        while number < events {
            if batch == 1 {
                _ = try log.append(payload.next(number))
                number += 1
            } else {
                var events = EventBatch()
                for _ in 0..<batch {
                    try events.append(payload.next(number))
                    number += 1
                }
                _ = try log.append(consume events)
            }
        }
        try log.rotate()
        try log.sync()
        while try log.segments().contains(where: { $0.state == .rolled }) { usleep(10_000) }
        return log
    }

    private func bytesPerEvent(_ log: WriteAheadLog, compressed: Bool) throws -> Double {
        let sealed = try log.segments().filter { $0.state == .sealed && $0.isCompressed == compressed }
        let count = sealed.reduce(0) { $0 + $1.lastLSN.rawValue - $1.firstLSN.rawValue + 1 }
        return Double(sealed.reduce(0) { $0 + $1.fileSize }) / Double(count)
    }

    /// Bytes of the files of sealed segments per event: singly appended, in batches, and compressed.
    func sizes(_ path: String) throws -> Sample {
        let single = try fill(path + "-single", batch: 1)
        var sample = Sample(["value": try bytesPerEvent(single, compressed: false)])
        try single.compress(.zstd(level: -1))
        sample.values["zstd"] = try bytesPerEvent(single, compressed: true)
        try single.shutdown()
        let batches = try fill(path + "-batches", batch: 100)
        sample.values["batches"] = try bytesPerEvent(batches, compressed: false)
        try batches.shutdown()
        return sample
    }

    func fillCompressed(_ path: String) throws {
        let log = try fill(path, batch: 1)
        try log.compress(.zstd(level: 1))
        try log.shutdown()
    }

    /// Replay, or unpacking alone by libzstd on one thread of the very same files.
    func replay(_ contestant: Contestant, _ path: String) throws -> Sample {
        var options = Self.options
        options.readOnly = true
        let log = try WriteAheadLog.open(at: path, options: options)
        let sealed = try log.segments().filter(\.isCompressed)
        let raw = sealed.reduce(0) { $0 + $1.rawBytes }
        let before = floor_processor_seconds()
        let time = try seconds {
            if contestant.kind == .floor {
                let total = sealed.reduce(Int64(0)) { $0 + floor_unpack($1.path) }
                guard total == Int64(raw) else { throw BenchmarkError.wrongContents("unpacked \(total) bytes") }
            } else {
                var count = 0
                var sum: UInt64 = 0
                try log.replay { event in
                    sum &+= event.payload.unsafeLoadUnaligned(as: UInt64.self)
                    count += 1
                    return .continue
                }
                guard count == events else { throw BenchmarkError.wrongContents("\(count) events of \(events)") }
            }
        }
        let cores = (floor_processor_seconds() - before) / time
        try log.close()
        var sample = Sample(["value": Double(raw) / time / 1e9, "cores": cores])
        sample.values["perCore"] = Double(raw) / time / 1e9 / cores
        sample.peakBytes = Machine.peakBytes
        return sample
    }
}
