import SegmentStore
import Synchronization
import WalSimulation

/// Drives a store the way the layer above does, on a simulated disk, one step at a time.
struct StoreHarness {
    static let directory = "/log"
    let store: LogStore

    /// Options with segments small enough to roll often.
    static var smallSegments: StoreOptions {
        var options = StoreOptions()
        options.segmentSize = 16 << 10
        options.indexSpacing = 4096
        return options
    }

    static func environment(_ disk: SimulatedDisk, seed: UInt64 = 1) -> StoreEnvironment {
        environment(disk.storage.implementation, seed: seed)
    }

    static func environment(_ storage: any Storage, seed: UInt64 = 1) -> StoreEnvironment {
        let counter = Mutex(SeededGenerator(seed: seed))
        let time = Atomic64()
        return StoreEnvironment(
            storage: storage, now: { time.next() },
            random: { counter.withLock { $0.next() } })
    }

    init(_ store: LogStore) {
        self.store = store
    }

    init(_ disk: SimulatedDisk, options: StoreOptions = smallSegments, seed: UInt64 = 1) throws {
        try self.init(storage: disk.storage.implementation, options: options, seed: seed)
    }

    init(storage: any Storage, options: StoreOptions = smallSegments, seed: UInt64 = 1) throws {
        store = try LogStore.open(Self.directory, options: options, environment: Self.environment(storage, seed: seed))
    }

    /// Appends events in one group; each element of `frames` becomes a frame of its own where it is larger than the merge
    /// limit, else they are merged.
    func append(_ events: [[UInt8]]) throws {
        let block = StagingBlock(
            capacity: events.reduce(256) { $0 + $1.count + 80 }, largestBody: store.largestUnit)
        var lsn = store.writtenLSN
        for event in events {
            lsn += 1
            let fits = event.withUnsafeBytes { block.append($0, lsn: lsn) }
            precondition(fits)
        }
        block.closeFrame()
        try store.write(block)
    }

    func maintain() throws {
        while try store.performMaintenance() {}
    }

    func contents(from: UInt64 = 0) throws -> [UInt64: [UInt8]] {
        try Self.contents(of: store, from: from)
    }

    static func contents(of store: LogStore, from: UInt64 = 0) throws -> [UInt64: [UInt8]] {
        var result: [UInt64: [UInt8]] = [:]
        var cursor = try store.cursor(from: from, through: .max)
        while let view = try cursor.next() { result[view.lsn] = Array(view.payload) }
        return result
    }
}

/// A clock for tests that ticks with each reading.
final class Atomic64: Sendable {
    private let value = Mutex<Int64>(1_000_000)
    func next() -> Int64 {
        value.withLock {
            $0 += 1000
            return $0
        }
    }
}

extension StoreHarness {
    /// The position of an event.
    func position(of lsn: UInt64) throws -> Position { try store.position(of: lsn) }
}
