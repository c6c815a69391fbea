import SegmentStore
import WalSimulation

/// A log and a model of what it must hold, both changed by the operations that an input names.
struct OperationHistory {
    private var disk = SimulatedDisk()
    private var store: LogStore
    private var options = SampleLog.options()
    private var events: [UInt64: [UInt8]] = [:]
    private var first: UInt64 = 1
    private var last: UInt64 = 0
    private var durable: UInt64 = 0
    private var checkpoint: UInt64?
    private var lives: UInt64 = 1

    private static let operationsMax = 200

    init() throws {
        store = try SampleLog.open(disk, options)
    }

    mutating func run(_ reader: inout InputReader) throws {
        let shape = reader.byte()
        options.preallocation = [.growing, .allocated, .prewritten][Int(shape % 3)]
        options.readAccess = shape & 4 == 0 ? .mapped : .read
        try reopen(cleanly: true)
        for _ in 0..<Self.operationsMax where !reader.isEmpty {
            try step(reader.byte(), &reader)
            try check(from: first)
        }
        try check(from: first + UInt64(reader.byte()))
        let report = try store.verify(progress: nil)
        try Violation.unless(report.findings.isEmpty, "verify found \(report.findings)")
        try store.closeCleanly()
        try Violation.unless(disk.openHandles == 0, "a closed log left a file open")
    }

    private mutating func step(_ operation: UInt8, _ reader: inout InputReader) throws {
        switch operation % 16 {
        case 0...2: try append(&reader)
        case 3:
            let lsn = try store.sync()
            try Violation.unless(lsn == last, "sync made \(lsn) durable, not \(last)")
        case 4: _ = try store.rotate()
        case 5: _ = try store.performMaintenance()
        case 6: try store.recordWatermark()
        case 7:
            let lsn = first + UInt64(reader.number(below: Int(last + 2 - first)))
            try store.truncate(before: lsn)
            first = max(first, lsn)
        case 8:
            let lsn = first - 1 + UInt64(reader.number(below: Int(last + 2 - first)))
            try store.truncate(after: lsn, overridingCheckpoints: true)
            forget(above: lsn)
            durable = min(durable, lsn)
        case 9: try reopen(cleanly: true)
        case 10: try reopen(cleanly: false)
        case 11: try crash(reader.byte())
        case 12: try compress()
        case 13: try saveCheckpoint(&reader)
        case 14: try retain(&reader)
        default: try check(from: first + UInt64(reader.number(below: Int(last + 2 - first))))
        }
    }

    private mutating func append(_ reader: inout InputReader) throws {
        var group: [[UInt8]] = []
        for _ in 0...reader.byte() % 4 {
            let size = Int(reader.byte())
            last += 1
            // Now and then one that fills much of a segment.
            group.append(SampleLog.event(last, size: size > 240 ? (size - 240) * 700 : size))
            events[last] = group.last
        }
        // Larger groups than a segment holds go in parts, as the layer above cuts them.
        for event in group { try SampleLog.append([event], to: store) }
    }

    private mutating func reopen(cleanly: Bool) throws {
        if cleanly { try store.closeCleanly() } else { try store.abandon() }
        lives += 1
        store = try SampleLog.open(disk, seed: lives, options)
        try Violation.unless(store.report.damage == nil, "reopening found damage: \(store.report)")
        if cleanly { durable = last }
    }

    private mutating func crash(_ choice: UInt8) throws {
        durable = store.durableLSN
        disk = disk.crash([.keepNone, .keepAll, .random][Int(choice % 3)], seed: UInt64(choice))
        lives += 1
        store = try SampleLog.open(disk, seed: lives, options)
        let written = store.writtenLSN
        try Violation.unless(store.report.damage == nil, "a power cut left damage: \(store.report)")
        try Violation.unless(
            written >= durable && written <= last, "LSN \(written) is the newest, of \(durable) durable and \(last)")
        forget(above: written)
        first = max(first, store.firstLSN)
    }

    private func compress() throws {
        var pass = try store.beginCompression(.zstd(level: 1, blockSize: 4096))
        while try store.continueCompression(&pass) {}
        _ = try store.endCompression(pass)
    }

    private mutating func saveCheckpoint(_ reader: inout InputReader) throws {
        guard store.durableLSN >= first else { return }
        let lsn = first + UInt64(reader.number(below: Int(store.durableLSN - first + 1)))
        try store.setCheckpoint("a", at: try store.position(of: lsn), state: reader.bytes(Int(reader.byte() % 8)))
        let found = try store.checkpoint("a")
        try Violation.unless(found.position.lsn.rawValue == lsn, "the checkpoint saved at \(lsn) stands elsewhere")
    }

    private mutating func retain(_ reader: inout InputReader) throws {
        var policy = Retention()
        policy.maxSegments = Int(reader.byte() % 4) + 1
        _ = try store.applyRetention(policy)
        try Violation.unless(store.firstLSN >= first, "retention brought back events")
        first = store.firstLSN
    }

    private mutating func forget(above lsn: UInt64) {
        for gone in events.keys where gone > lsn { events[gone] = nil }
        last = lsn
    }

    private func check(from: UInt64) throws {
        try Violation.unless(store.firstLSN == first, "the first LSN is \(store.firstLSN), not \(first)")
        try Violation.unless(store.writtenLSN == last, "the last LSN is \(store.writtenLSN), not \(last)")
        try Violation.unless(store.durableLSN <= last, "more is durable than was written")
        var next = max(from, first)
        guard next <= last + 1 else { return }
        var cursor = try store.cursor(from: next, through: .max)
        while let view = try cursor.next() {
            try Violation.unless(view.lsn == next, "LSN \(view.lsn) came in the place of \(next)")
            try Violation.unless(Array(view.payload) == events[next], "LSN \(next) has wrong bytes")
            next += 1
        }
        try Violation.unless(next == last + 1, "replay ended before LSN \(next), not at \(last)")
    }
}
