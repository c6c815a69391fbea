import SegmentStore
import WalSimulation

/// A log in which one operation is cut short by a kill, and which the next process goes on with.
struct KilledScene {
    enum Operation: String, Sendable, CaseIterable {
        case create, write, sync, maintain, truncateBefore, truncateAfter, cutEverything, retain
        case saveCheckpoint, removeCheckpoint, close, open
    }

    private let workload: Workload
    private let disk: SimulatedDisk
    private let seed: UInt64
    private var marks: [TraceMark] = []
    private var life: UInt64 = 0

    /// - Parameter spoilsSectors: whether sectors in flight may hold garbage; the log pads then.
    init(seed: UInt64, spoilsSectors: Bool) {
        self.seed = seed
        workload = Workload(
            sizes: .fixed, syncing: .few, compresses: true, spoilsSectors: spoilsSectors, trouble: .kills)
        disk = workload.disk()
    }

    /// The trace of the operation and of the life behind it; nil if it was over before so many calls.
    mutating func trace(of operation: Operation, killedAfter calls: Int) throws -> DiskTrace? {
        var watch = Watch(disk)
        var store = operation == .create ? nil : try open(watch)
        if let store { try prepare(store, operation) }
        if operation == .open { store = nil }
        disk.startRecording(after: marks)
        watch.follow(store)
        watch.kill(after: calls)
        do {
            if let store { try run(operation, store) } else { store = try open(watch) }
        } catch let error as WalError {
            guard watch.isDead else { throw error }
        }
        guard watch.isDead else { return nil }
        watch.follow(nil)
        store = nil
        watch = Watch(disk)
        let next = try open(watch)
        watch.follow(next)
        try append(next, 2)
        try next.sync()
        watch.look()
        try append(next, 1)
        watch.follow(nil)
        return disk.stopRecording()
    }

    func explore(_ trace: DiskTrace) throws -> Int {
        var seen = 0
        return try CrashExplorer(trace, options: .init(statesPerPoint: 64, seed: seed, skipsRepeatedStates: true))
            .explore { state in
                seen += 1
                state.disk.settlesAtOnce = true
                var oracle = Oracle(state.disk, workload, flaws: [], Expectation(state.marks), seed: UInt64(seen))
                try oracle.check(fully: seen % 7 == 0)
            }.states
    }

    private mutating func mark(_ mark: TraceMark) {
        marks.append(mark)
        disk.mark(mark)
    }

    private mutating func open(_ watch: Watch) throws -> LogStore {
        let store = try LogStore.open(
            logDirectory, options: workload.options,
            environment: testEnvironment(
                WatchedStorage(base: disk.backend, watch: watch), seed: mixedSeed(seed, number: life)))
        life += 1
        mark(.lifeBegan(at: store.writtenLSN + 1))
        mark(.firstSettled(at: store.firstLSN))
        return store
    }

    private mutating func append(_ store: LogStore, _ count: Int) throws {
        for _ in 0..<count {
            let lsn = store.writtenLSN + 1
            let block = StagingBlock(capacity: 4096)
            let bytes = EventPayload(life: life, lsn: lsn, sizes: workload.sizes).bytes
            _ = bytes.withUnsafeBytes { block.append($0, lsn: lsn) }
            block.closeFrame()
            mark(.submit(lsn))
            try store.write(block)
        }
    }

    /// Four segments of four events, the first two of them sealed and the first compressed, a checkpoint, and one more
    /// event, which is not durable.
    private mutating func prepare(_ store: LogStore, _ operation: Operation) throws {
        for segment in 0..<4 {
            try append(store, 4)
            if segment == 2 { while try store.performMaintenance() {} }
            if segment < 3 { _ = try store.rotate() }
        }
        try store.sync()
        mark(.acknowledge(store.durableLSN))
        if operation == .retain { while try store.performMaintenance() {} }
        try change(store, CheckpointChange(name: 0, number: 1, lsn: 6))
        try append(store, 1)
    }

    private mutating func change(_ store: LogStore, _ change: CheckpointChange) throws {
        mark(.changing(change))
        let name = CheckpointChange.names[change.name]
        if let lsn = change.lsn {
            try store.setCheckpoint(name, at: store.position(of: lsn), state: change.state)
        } else {
            try store.removeCheckpoint(name)
        }
        mark(.changed(change))
    }

    private mutating func run(_ operation: Operation, _ store: LogStore) throws {
        switch operation {
        case .write: try append(store, 3)
        case .sync:
            _ = try store.rotate()
            try append(store, 1)
            try store.sync()
        case .maintain: while try store.performMaintenance() {}
        case .truncateBefore:
            mark(.allowTruncation(7))
            try store.truncate(before: 7)
            mark(.firstSettled(at: 7))
        case .truncateAfter: try cut(store, after: 10)
        case .cutEverything: try cut(store, after: 0)
        case .retain:
            mark(.allowTruncation(store.writtenLSN + 1))
            _ = try store.applyRetention(Retention(maxSegments: 1, overridesCheckpoints: true))
            mark(.firstSettled(at: store.firstLSN))
        case .saveCheckpoint: try change(store, CheckpointChange(name: 1, number: 2, lsn: 9))
        case .removeCheckpoint: try change(store, CheckpointChange(name: 0, number: 2, lsn: nil))
        case .close: try store.closeCleanly()
        case .create, .open: break
        }
    }

    private mutating func cut(_ store: LogStore, after lsn: UInt64) throws {
        mark(.cutBegan(after: lsn))
        try store.truncate(after: lsn, overridingCheckpoints: true)
        life += 1
        mark(.cutEnded(after: lsn))
    }
}
