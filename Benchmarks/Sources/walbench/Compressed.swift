import CFloor
import Foundation
import Wal

/// JSON-like events that differ as those of a service do: most of the text is the same, numbers and identifiers are not.
struct VariedPayload {
    let size: Int
    private var state: UInt64 = 42

    init(size: Int) { self.size = size }

    private mutating func random() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }

    mutating func next(_ number: Int) -> [UInt8] {
        let kinds = ["order.placed", "order.paid", "order.shipped", "cart.changed"]
        var text =
            #"{"id":"\#(String(random(), radix: 16))","type":"\#(kinds[Int(random() % 4)])","customer":\#(random() % 100_000),"#
        text +=
            #""item":"SKU-\#(random() % 20_000)","quantity":\#(random() % 9 + 1),"cents":\#(random() % 200_000),"at":\#(1_700_000_000_000 + number * 3)"#
        var bytes = Array(text.utf8)
        while bytes.count < size {
            bytes += Array(#","currency":"EUR","country":"DE","channel":"web","note":"","vip":false"#.utf8)
        }
        return Array(bytes.prefix(size))
    }
}

/// W12, bytes on disk, and W13, replay of compressed logs.
struct CompressedRun {
    var root: String
    var events: Int

    private func options(_ compression: Compression = .none) -> WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.sync = .never
        options.compression = compression
        return options
    }

    private func fill(_ path: String, size: Int, batch: Int) throws -> WriteAheadLog {
        try? FileManager.default.removeItem(atPath: path)
        let log = try WriteAheadLog.open(at: path, options: options())
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

    /// Bytes of the files of sealed segments per event.
    func bytesPerEvent() throws {
        print("W12 bytes on disk per 128 B event, sealed segments")
        for batch in [1, 100] {
            let log = try fill(root + "/w12", size: 128, batch: batch)
            func report(_ what: String) throws {
                let sealed = try log.segments().filter { $0.state == .sealed }
                let count = sealed.reduce(0) { $0 + $1.lastLSN.rawValue - $1.firstLSN.rawValue + 1 }
                let bytes = sealed.reduce(0) { $0 + $1.fileSize }
                print(String(format: "  %-24@ %6.1f", what as NSString, Double(bytes) / Double(count)))
            }
            try report(batch == 1 ? "single appends" : "batches of \(batch)")
            try log.shutdown()
            for level in batch == 1 ? [-1, 1] : [] {
                let path = root + "/w12-\(level)"
                try? FileManager.default.removeItem(atPath: path)
                try FileManager.default.copyItem(atPath: root + "/w12", toPath: path)
                let compressed = try WriteAheadLog.open(at: path, options: options())
                let time = try seconds { try compressed.compress(.zstd(level: level)) }
                let sealed = try compressed.segments().filter(\.isCompressed)
                let (count, bytes, raw) = sealed.reduce((0.0, 0.0, 0.0)) {
                    (
                        $0.0 + Double($1.lastLSN.rawValue - $1.firstLSN.rawValue + 1), $0.1 + Double($1.fileSize),
                        $0.2 + Double($1.rawBytes)
                    )
                }
                print(
                    String(
                        format: "  %-24@ %6.1f   ratio %.2f, packed and read back at %.2f GB/s",
                        "zstd level \(level)" as NSString, bytes / count, raw / bytes, raw / time / 1e9))
                try compressed.shutdown()
            }
        }
    }

    /// Replay against plain unpacking of the very same files, in turn.
    func replay(rounds: Int) throws {
        for (size, level) in [(256, 1), (256, -5), (4096, 1)] {
            var run = self
            run.events = events * 256 / size
            let path = root + "/w13"
            let log = try run.fill(path, size: size, batch: 1)
            try log.compress(.zstd(level: level))
            let files = try log.segments().filter(\.isCompressed).map(\.path)
            let raw = try log.segments().filter(\.isCompressed).reduce(0) { $0 + $1.rawBytes }
            try log.shutdown()
            var results: [(name: String, rates: [Double], cores: [Double])] = [
                ("zstd alone, one thread", [], []), ("wal replay", [], []),
            ]
            for _ in 0..<rounds {
                for index in results.indices {
                    let before = floor_processor_seconds()
                    let time = try seconds {
                        if index == 0 {
                            let total = files.reduce(Int64(0)) { $0 + floor_unpack($1) }
                            guard total == Int64(raw) else {
                                throw BenchmarkError.wrongContents("unpacked \(total) bytes")
                            }
                        } else {
                            var reading = options()
                            reading.readOnly = true
                            let log = try WriteAheadLog.open(at: path, options: reading)
                            var count = 0
                            var sum: UInt64 = 0
                            try log.replay { event in
                                sum &+= event.payload.unsafeLoadUnaligned(as: UInt64.self)
                                count += 1
                                return .continue
                            }
                            guard count == run.events else { throw BenchmarkError.wrongContents("\(count) events") }
                            try log.close()
                        }
                    }
                    results[index].rates.append(Double(raw) / time / 1e9)
                    results[index].cores.append((floor_processor_seconds() - before) / time)
                }
            }
            print("W13 replay of compressed segments, \(size) B events, level \(level), \(raw >> 20) MiB raw")
            for result in results {
                let (rates, cores) = (result.rates.sorted(), result.cores.sorted())
                print(
                    String(
                        format: "  %-24@ median %5.2f GB/s raw  [%.2f – %.2f], %.2f cores", result.name as NSString,
                        rates[rates.count / 2], rates.first ?? 0, rates.last ?? 0, cores[cores.count / 2]))
            }
        }
    }
}
