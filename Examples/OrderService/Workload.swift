import Foundation
import Wal

/// The events this service writes: the lines of some files, spread among generated orders.
///
/// Event number i, counted from 0, gets LSN i + 1. Everything follows from the files and the seed, so that a check can make any
/// event again and compare it byte for byte with what the log gives back.
struct Workload {
    private struct Line {
        var source: Int
        var number: Int
        var range: Range<Int>
    }

    /// How many events there are in all.
    let count: Int
    /// How many of them are lines of files.
    var lineCount: Int { lines.count }

    private let names: [String]
    private let contents: [[UInt8]]
    private let lines: [Line]
    private let seed: UInt64

    /// Reads the files.
    init(_ arguments: Arguments) throws {
        var contents: [[UInt8]] = []
        var lines: [Line] = []
        for (source, file) in arguments.files.enumerated() {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw UsageError(description: "can't read \(file)")
            }
            let bytes = [UInt8](data)
            var start = 0
            var number = 1
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                lines.append(Line(source: source, number: number, range: start..<end))
                (start, number) = (end + 1, number + 1)
            }
            contents.append(bytes)
        }
        self.contents = contents
        self.lines = lines
        names = arguments.files.map { URL(fileURLWithPath: $0).lastPathComponent }
        seed = arguments.seed
        count = max(arguments.events, lines.count, 1)
    }

    /// Puts event `index` into the two arrays, whose memory is used again.
    func make(_ index: Int, payload: inout [UInt8], meta: inout [UInt8]) {
        payload.removeAll(keepingCapacity: true)
        meta.removeAll(keepingCapacity: true)
        // The lines are spread evenly: line n is the event at which n/lines of all events have been reached.
        let before = index * lines.count / count
        if (index + 1) * lines.count / count > before {
            let line = lines[before]
            payload.append(contentsOf: contents[line.source][line.range])
            meta.append(contentsOf: names[line.source].utf8)
            meta.append(UInt8(ascii: ":"))
            meta.appendDecimal(line.number)
        } else {
            makeOrder(index - before, &payload)
            meta.append(contentsOf: "orders:".utf8)
            meta.appendDecimal(index - before)
        }
    }

    // `index` counts the orders' events alone. Orders come in groups of 16, whose events are mixed as those of customers
    // who shop at the same time: all are placed, then paid, then packed, then most are shipped and some cancelled.
    private func makeOrder(_ index: Int, _ payload: inout [UInt8]) {
        let order = index / 64 * 16 + index % 16
        var random = SplitMix(state: seed &+ UInt64(order))
        let customer = 1 + Int(random.next() % 5000)
        let quantity = 1 + Int(random.next() % 5)
        let cents = quantity * (199 + Int(random.next() % 20_000))
        let item = Self.items[Int(random.next() % UInt64(Self.items.count))]
        let isCancelled = random.next() % 16 == 0
        let stage = (index % 64) / 16
        payload.append(contentsOf: "{\"event\":\"".utf8)
        payload.append(contentsOf: (stage == 3 && isCancelled ? "cancelled" : Self.stages[stage]).utf8)
        payload.append(contentsOf: "\",\"order\":".utf8)
        payload.appendDecimal(order)
        payload.append(contentsOf: ",\"customer\":".utf8)
        payload.appendDecimal(customer)
        payload.append(contentsOf: ",\"cents\":".utf8)
        payload.appendDecimal(cents)
        if stage == 0 {
            payload.append(contentsOf: ",\"item\":\"".utf8)
            payload.append(contentsOf: item.utf8)
            payload.append(contentsOf: "\",\"quantity\":".utf8)
            payload.appendDecimal(quantity)
        }
        payload.append(UInt8(ascii: "}"))
    }

    private static let stages = ["placed", "paid", "packed", "shipped"]
    private static let items = [
        "espresso beans 1 kg", "filter paper 100", "hand grinder", "kettle 0.9 l", "cup, blue", "cup, white", "scale",
        "milk jug",
    ]

    // MARK: How events are appended

    /// Where the unit that begins at event `index` ends: of each hundred events, 36 go singly and 64 as one atomic batch.
    func endOfUnit(_ index: Int) -> Int {
        index % 100 < 36 ? index + 1 : min(count, index / 100 * 100 + 100)
    }

    /// Whether a log may end behind `index` events: a batch is there wholly or not at all.
    func isUnitBoundary(_ index: Int) -> Bool {
        index % 100 <= 36 || index == count
    }
}

/// A small, repeatable random generator.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A hash over all events so far, in order (FNV-1a, 64 bits).
struct RunningHash: Equatable {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: [UInt8]) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Marks the end, so that "ab", "c" and "a", "bc" differ.
        value = (value ^ UInt64(bytes.count)) &* 0x100_0000_01b3
    }
}

extension [UInt8] {
    /// Appends a number that isn't negative, in decimal digits.
    mutating func appendDecimal(_ number: Int) {
        if number >= 10 { appendDecimal(number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
