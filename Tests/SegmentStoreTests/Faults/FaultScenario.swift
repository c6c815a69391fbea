import SegmentStore
import WalSimulation

/// Something that a log goes through while calls of its disk fail.
struct FaultScenario: Sendable, CustomStringConvertible {
    var description: String
    /// Makes the disk that it begins with; the LSN of an event there is its number.
    var prepare: @Sendable () throws -> SimulatedDisk = { SimulatedDisk() }
    /// Of what was there before, or of what the recovery asked for keeps of it.
    var durableLSN: UInt64 = 0
    var firstLSN: UInt64 = 1
    /// The sizes of the events that may be left from before.
    var oldSizes: [UInt64: Int] = [:]
    /// How the log is opened afterwards.
    var recovery = RecoveryMode.strict
    /// The newest event that a salvage must give out or name.
    var salvageableLSN: UInt64 = 0
    var run: @Sendable (FaultLedger, any Storage) throws -> Void
}

extension FaultScenario {
    static let all = writing + removing + opening + reading

    static func sizes(_ events: ClosedRange<UInt64>, _ size: Int) -> [UInt64: Int] {
        Dictionary(uniqueKeysWithValues: events.map { ($0, size) })
    }

    /// Of two compressed segments of twelve events each, and of the one after them.
    static let compressedSizes = sizes(1...24, 700).merging([25: 3]) { old, _ in old }

    // MARK: Writing

    private static let writing: [Self] = [
        Self(description: "create") { ledger, storage in try ledger.open(storage) },
        Self(description: "append and sync") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<4 {
                try ledger.append()
                try ledger.append(4000)
                try ledger.sync()
            }
        },
        Self(description: "batches") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<3 {
                try ledger.append(sizes: [100, 900, 30, 1500])
                try ledger.append(sizes: [10, 10, 7000])
                try ledger.sync()
            }
        },
        Self(description: "roll without syncs") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<10 { try ledger.append(4000) }
            try ledger.sync()
        },
        Self(description: "roll more often than may wait") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<11 {
                try ledger.append(100)
                _ = try ledger.store?.rotate()
            }
            ledger.acknowledge()
        },
        Self(description: "seal") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<3 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
            }
            try ledger.store?.recordWatermark()
        },
        Self(description: "prewritten spares") { ledger, storage in
            ledger.options.preallocation = .prewritten
            try ledger.open(storage)
            for _ in 0..<2 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
            }
        },
        Self(description: "compress") { ledger, storage in
            ledger.options.compression = .zstd(blockSize: 4096)
            try ledger.open(storage)
            for _ in 0..<2 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
            }
            try ledger.append(100)
            try ledger.maintain()
        },
        Self(
            description: "compress on request", prepare: { try StoreSample(segments: 3, ending: .closed).disk },
            durableLSN: 9, oldSizes: sizes(1...9, 700)
        ) { ledger, storage in
            try ledger.open(storage)
            if let store = ledger.store {
                try StoreHarness(store).compress(.zstd(blockSize: 4096, dictionarySize: 1024))
            }
        },
        Self(description: "checkpoints") { ledger, storage in
            try ledger.open(storage)
            try ledger.append()
            try ledger.sync()
            guard let store = ledger.store else { return }
            try store.setCheckpoint("a", at: store.position(of: 1), state: [1])
            try store.setCheckpoint("b", at: .start, state: nil)
            try store.setCheckpoint("a", at: store.position(of: 1), state: [2, 2])
            try store.removeCheckpoint("b")
        },
        Self(description: "close") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<5 { try ledger.append(4000) }
            try ledger.store?.closeCleanly()
            ledger.acknowledge()
        },
    ]

    // MARK: Removing

    private static let removing: [Self] = [
        Self(description: "truncate before") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<9 { try ledger.append(4000) }
            try ledger.truncate(before: 5)
            ledger.acknowledge()
            try ledger.append()
            try ledger.truncate(before: 10)
            ledger.acknowledge()
            try ledger.maintain()
        },
        Self(description: "truncate after") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<9 { try ledger.append(4000) }
            try ledger.maintain()
            try ledger.append()
            try ledger.truncate(after: 8)
            try ledger.append(200)
            try ledger.sync()
            try ledger.truncate(after: 4)
            try ledger.append()
        },
        Self(
            description: "truncate after, in a compressed segment",
            prepare: { try CompressedSample(segments: 2, eventsEach: 12, size: 700).disk }, durableLSN: 24,
            oldSizes: compressedSizes
        ) { ledger, storage in
            try ledger.open(storage)
            try ledger.truncate(after: 17)
            try ledger.append()
            try ledger.sync()
        },
        Self(description: "retain") { ledger, storage in
            try ledger.open(storage)
            for round in 0..<4 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
                if round > 0 { try ledger.retain(2) }
            }
        },
    ]
}
