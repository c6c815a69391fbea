import ArgumentParser
import Foundation

/// Shows that what a peer is given comes back; a slow peer is no surprise, one that was used wrongly would be.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Appends to each peer in every way it has, and checks that the events come back.")

    @Option(name: .long, help: "Where the logs are made.")
    var directory = FileManager.default.temporaryDirectory.path

    func run() throws {
        guard Contestant.peersAreBuilt else { throw BenchmarkError.unsupported("this: built without the trait Peers") }
        let root = directory + "/walbench-\(getpid())"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: root) } catch { print("\(root) is left over: \(error)") }
        }
        for contestant in Contestant.allCases where contestant.kind == .peer {
            for way in CheckedAppend.Way.allCases where way != .durable || contestant != .sqliteNormal {
                let path = root + "/\(contestant.rawValue)-\(way.rawValue)"
                let purpose = OpenFor(isDurable: way == .durable)
                try contestant.open(path, purpose, CheckedAppend(way: way, start: 0))
                try contestant.open(path, purpose, CheckedAppend(way: way, start: CheckedAppend.count))
                try contestant.open(path, OpenFor(isReading: true), CheckedRead(way: way))
                print("\(contestant.rawValue), \(way.rawValue): ok")
            }
        }
    }
}

private struct CheckedAppend: LogTask {
    enum Way: String, CaseIterable {
        case single, batches, durable, threads
    }

    static let count = 1000
    static let threads = 4
    static let size = 100
    let way: Way
    /// How many events are there already.
    let start: Int

    func callAsFunction<Log: BenchLog>(_ log: Log) throws {
        let start = start
        switch way {
        case .single:
            try append(log, start..<start + Self.count, Log.append)
        case .durable:
            try append(log, start..<start + Self.count, Log.appendDurably)
        case .batches:
            for first in stride(from: start, to: start + Self.count, by: 100) {
                var batch = [UInt8]()
                var payload = Payload(size: Self.size)
                for number in first..<first + 100 { payload.with(UInt64(number)) { batch.append(contentsOf: $0) } }
                try batch.withUnsafeBytes { try log.appendBatch($0, size: Self.size) }
            }
        case .threads:
            // Thread t goes on from its own last number.
            let each = Self.count / Self.threads
            try inParallel(Self.threads) { thread in
                let first = thread * 2 * each + start / Self.threads
                try append(log, first..<first + each, Log.append)
            }
        }
        try log.flush()
        if start == 0 { try check(log, way, Self.count) }
        try log.close()
    }

    private func append<Log: BenchLog>(
        _ log: Log, _ numbers: Range<Int>, _ append: (Log) -> (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var payload = Payload(size: Self.size)
        for number in numbers { try payload.with(UInt64(number)) { try append(log)($0) } }
    }
}

private struct CheckedRead: LogTask {
    let way: CheckedAppend.Way

    func callAsFunction<Log: BenchLog>(_ log: Log) throws {
        try check(log, way, 2 * CheckedAppend.count)
        try log.close()
    }
}

/// That all the events are there, by reading all and by finding some.
private func check<Log: BenchLog>(_ log: Log, _ way: CheckedAppend.Way, _ count: Int) throws {
    let threads = way == .threads ? CheckedAppend.threads : 1
    let share = 2 * CheckedAppend.count / threads
    var borrowed = ContentsCheck(threads: threads, share: share, size: CheckedAppend.size)
    try log.replay { borrowed.see($0) }
    try borrowed.end(expected: count)
    var owned = ContentsCheck(threads: threads, share: share, size: CheckedAppend.size)
    try log.replayOwned { $0.withUnsafeBytes { owned.see($0) } }
    try owned.end(expected: count)

    if way != .threads {
        for number in [0, UInt64(count) / 2, UInt64(count) - 1] where try log.find(number) != number {
            throw BenchmarkError.wrongContents("finding event \(number) finds another")
        }
    }
    do {
        _ = try log.find(UInt64(count))
    } catch BenchmarkError.wrongContents { return }
    throw BenchmarkError.wrongContents("an event was found that is not there")
}
