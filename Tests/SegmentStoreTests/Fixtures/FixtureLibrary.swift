import Foundation
import SegmentStore
import WalSimulation

/// The golden files of format 1 in `Fixtures/format-1`, and how they were made.
///
/// `WAL_WRITE_FIXTURES=1 swift test -c release --filter FixtureTests` makes those that are missing. Those that are there
/// stay as they are for ever: that they can be read is the promise.
enum FixtureLibrary {
    static let folder = packageRoot + "/Fixtures/format-1"
    static let names = [
        "closed", "torn", "parts", "truncated", "compressed", "dictionary", "truncated-after", "multi-epoch",
        "padded",
    ]

    /// One event as a line of a listing: LSN, time, payload, meta, key.
    static func line(_ view: RecordView) -> String {
        func hex(_ bytes: UnsafeRawBufferPointer?) -> String {
            guard let bytes else { return "-" }
            let digits = Array("0123456789abcdef")
            return "x" + String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        }
        return "\(view.lsn) \(view.time) \(hex(view.payload)) \(hex(view.meta)) \(hex(view.key))"
    }

    /// Every event of a log, as lines.
    static func listing(_ store: LogStore) throws -> [String] {
        var lines: [String] = []
        var cursor = try store.cursor(from: 0, through: .max)
        while let view = try cursor.next() { lines.append(line(view)) }
        return lines
    }

    /// The listing that a fixture must give.
    static func expected(_ name: String) throws -> [String] {
        let text = try String(contentsOfFile: "\(folder)/\(name).txt", encoding: .utf8)
        return text.split(separator: "\n").map { String($0) }
    }

    /// A simulated disk that holds a fixture as /log.
    static func disk(_ name: String) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        for file in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(name)") {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)/\(file)"))
            disk.replaceContents(of: "/log/\(file)", with: [UInt8](data))
        }
        return disk
    }

    /// Makes a fixture that is not there yet.
    static func write(_ name: String) throws {
        let files = FileManager.default
        guard !files.fileExists(atPath: "\(folder)/\(name)") else { return }
        let (disk, lines) = try make(name)
        try files.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        for path in disk.files() {
            let data = Data(disk.contents(of: path) ?? [])
            let target = "\(folder)/\(name)/\(path.dropFirst("/log/".count))"
            try data.write(to: URL(fileURLWithPath: target))
        }
        let text = lines.joined(separator: "\n") + "\n"
        try text.write(toFile: "\(folder)/\(name).txt", atomically: true, encoding: .utf8)
    }

    private static func make(_ name: String) throws -> (SimulatedDisk, [String]) {
        let disk = SimulatedDisk()
        var options = StoreHarness.smallSegments
        if name == "padded" { options.padding = .sector(512) }
        let log = try StoreHarness(disk, options: options, seed: name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
        switch name {
        case "closed":
            for number in UInt64(1)...60 {
                try log.append([StoreSample.event(number, size: Int(number * 37 % 1500))])
                if number % 7 == 0 { try log.maintain() }
            }
            try log.maintain()
        case "parts":
            try appendParts(log)
        case "compressed", "dictionary":
            for number in UInt64(1)...60 {
                // The segments made later stay raw.
                if number == 40 {
                    try log.maintain()
                    try log.compress(.zstd(blockSize: 4096, dictionarySize: name == "dictionary" ? 1024 : 0))
                }
                try log.append(
                    (0..<4).map { StoreSample.event(number * 4 + $0, size: Int((number * 37 + $0 * 11) % 300)) })
            }
            try log.maintain()
        case "truncated-after":
            try appendAndCut(log)
        case "multi-epoch":
            // Three lives and a cut, all in one segment and the next.
            for number in UInt64(1)...4 { try log.append([StoreSample.event(number, size: 900)]) }
            try log.store.closeCleanly()
            let second = try StoreHarness(disk, seed: 32)
            for number in UInt64(5)...9 { try second.append([StoreSample.event(number, size: 900)]) }
            try second.store.truncate(after: 7)
            for number in UInt64(20)...23 { try second.append([StoreSample.event(number, size: 400)]) }
            try second.store.abandon()
            let third = try StoreHarness(disk, seed: 33)
            for number in UInt64(30)...40 { try third.append([StoreSample.event(number, size: 900)]) }
            let lines = try listing(third.store)
            try third.store.closeCleanly()
            return (disk, lines)
        case "padded":
            // Fillers behind what is written together, and one at the end of the copy that a truncation makes.
            for number in UInt64(1)...40 {
                try log.append([StoreSample.event(number, size: Int(number * 97 % 900))])
                if number % 5 == 0 { try log.maintain() }
            }
            try log.store.truncate(after: 38)
            try log.append([StoreSample.event(50, size: 30)])
            try log.maintain()
        case "truncated":
            for number in UInt64(1)...30 { try log.append([StoreSample.event(number, size: 1400)]) }
            try log.maintain()
            try log.store.truncate(before: 17)
        default:
            // A clean first life, so that there are two epochs; then one that is torn.
            for number in UInt64(1)...12 { try log.append([StoreSample.event(number, size: 1400)]) }
            try log.store.closeCleanly()
            return try makeTorn(disk)
        }
        let lines = try listing(log.store)
        try log.store.closeCleanly()
        return (disk, lines)
    }

    /// Cut inside a frame, and at the end of a sealed segment; each time written on.
    private static func appendAndCut(_ log: StoreHarness) throws {
        for frame in UInt64(0)..<14 {
            try log.append((1...3).map { StoreSample.event(frame * 3 + $0, size: 500) })
            try log.maintain()
        }
        try log.store.truncate(after: 32)
        for number in UInt64(100)...110 { try log.append([StoreSample.event(number, size: 1100)]) }
        try log.maintain()
        let end = try log.store.segments()[0].lastLSN.rawValue
        try log.store.truncate(after: end)
        for number in UInt64(200)...205 { try log.append([StoreSample.event(number, size: 300)]) }
    }

    private static func makeTorn(_ disk: SimulatedDisk) throws -> (SimulatedDisk, [String]) {
        let log = try StoreHarness(disk, seed: 4711)
        for number in UInt64(13)...24 { try log.append([StoreSample.event(number, size: 700)]) }
        try log.store.sync()
        try log.append([StoreSample.event(25, size: 300)])
        let lines = try listing(log.store)
        let end = try log.store.segments().last.map { ($0.path, Int($0.usedBytes)) } ?? ("", 0)
        try log.append([StoreSample.event(26, size: 2000)])
        try log.store.abandon()
        // Of the last write one sector did not reach the disk.
        for offset in 0..<512 {
            let place = (end.1 / 512 + 2) * 512 + offset
            let byte = disk.contents(of: end.0)?[place] ?? 0
            disk.corrupt(end.0, at: place, xor: byte)
        }
        return (disk, lines)
    }

    /// Events with every combination of parts, singly and in a batch.
    private static func appendParts(_ log: StoreHarness) throws {
        let block = StagingBlock(capacity: 1 << 16)
        var batch = EventBatch()
        var lsn: UInt64 = 0
        for round in 0..<2 {
            for bits in 0..<8 {
                for size in [0, 1, 100] {
                    let payload = StoreSample.event(UInt64(bits), size: size)
                    let meta = bits & 1 != 0 ? StoreSample.event(9, size: size * 2) : nil
                    let key = bits & 2 != 0 ? StoreSample.event(11, size: size / 2) : nil
                    let time =
                        bits & 4 != 0
                        ? EventTime(nanosecondsSince1970: Int64(bits - 5) * 1_000_000_000 + Int64(size)) : nil
                    if round == 1 {
                        try batch.append(payload, meta: meta, key: key, time: time)
                        continue
                    }
                    lsn += 1
                    let fits = withBuffers(payload.span.bytes, meta?.span.bytes, key?.span.bytes) {
                        block.append($0, meta: $1, key: $2, time: time, lsn: lsn)
                    }
                    precondition(fits, "the block is large enough")
                }
            }
        }
        block.closeFrame()
        let fits = block.append(batch, firstLSN: lsn + 1)
        precondition(fits, "the block is large enough")
        block.closeFrame()
        try log.store.write(block)
        _ = try log.store.rotate()
        try log.append([[1, 2, 3]])
        try log.maintain()
    }
}
