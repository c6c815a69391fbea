import SegmentStore
import WalSimulation

/// Something a recovered or running log must never show.
struct Violation: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Runs a log on a disk the way the layer above does, one step at a time, writer and maintenance steps in any order.
///
/// Everything it does follows from workload, seed and the disk; each thing promised goes into the disk's trace as a mark.
struct LogDriver {
    let disk: SimulatedDisk
    let workload: Workload
    let flaws: StoreFlaws
    private let seed: UInt64
    private var generator: SeededGenerator
    private let watch: Watch
    private var opens: UInt64 = 0
    private var life: UInt64
    private var store: LogStore?
    var checkpoints: CheckpointHistory

    /// `marks` are those of earlier lives on the disk.
    init(
        _ disk: SimulatedDisk, _ workload: Workload, seed: UInt64, flaws: StoreFlaws,
        after marks: ArraySlice<TraceMark> = []
    ) {
        self.disk = disk
        self.workload = workload
        self.flaws = flaws
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        watch = Watch(disk)
        life = UInt64(History(marks).lives.count)
        checkpoints = CheckpointHistory(marks)
    }

    /// A whole run, from the first open on; the log is still open at its end.
    mutating func run(steps: Int) throws {
        try open()
        // What was found on a disk that had just come up was on stable storage: recovery must not lose it.
        if let store {
            disk.mark(.acknowledge(store.writtenLSN))
            try acknowledgeCheckpoints(of: store)
        }
        for _ in 0..<steps {
            try step()
            watch.look()
        }
    }

    /// Lets go of the log, which watches itself until then.
    mutating func end() {
        watch.follow(nil)
        store = nil
    }

    mutating func chance(_ percent: UInt64) -> Bool { generator.next() % 100 < percent }
    mutating func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + generator.next() % UInt64(range.count)
    }

    private mutating func step() throws {
        let kind = generator.next() % 100
        // Nothing here may hold on to the store: a killed process leaves none.
        if kind >= 94 { return try stop() }
        guard let store else { return try open() }
        switch kind {
        case ..<44:
            try write(store)
            switch workload.syncing {
            case .every: try store.sync()
            case .few: if chance(20) { try store.sync() }
            case .never: break
            }
        case ..<54: _ = try store.rotate()
        case ..<74:
            // Compressing a segment takes some steps; those of the writer come in between all the same.
            for _ in 0..<(workload.compresses ? 3 : 1) {
                _ = try store.performMaintenance()
                watch.look()
            }
        case ..<78: while try store.performMaintenance() { watch.look() }
        case ..<80: if workload.syncing != .never { try store.sync() }
        case ..<86: try changeCheckpoint(store)
        case ..<88: try store.recordWatermark()
        case ..<91: try truncate(store)
        case ..<93: try retain(store)
        default: try store.rewriteUnvouched()
        }
    }

    private mutating func write(_ store: LogStore) throws {
        let count = pick(1...(workload.sizes == .fixed ? 3 : 6))
        let block = StagingBlock(capacity: 16 << 10)
        var last = store.writtenLSN
        for _ in 0..<count {
            let bytes = EventPayload(life: life, lsn: last + 1, sizes: workload.sizes).bytes
            guard bytes.withUnsafeBytes({ block.append($0, lsn: last + 1) }) else { break }
            if workload.sizes == .fixed { block.closeFrame() }
            // An event too large for what is left of a frame that the segment can hold begins one of its own.
            if block.end > 6000 { block.closeFrame() }
            last += 1
            if block.end > 8000 { break }
        }
        block.closeFrame()
        disk.mark(.submit(last))
        try store.write(block)
    }

    private mutating func truncate(_ store: LogStore) throws {
        let lsn = pick(store.firstLSN...store.writtenLSN + 1)
        disk.mark(.allowTruncation(lsn))
        try store.truncate(before: lsn)
    }

    /// Closes in order, without syncing, or not at all (a killed process), and opens again; none of them loses what was
    /// written.
    private mutating func stop() throws {
        let (first, written) = (store?.firstLSN ?? 1, store?.writtenLSN ?? 0)
        switch generator.next() % 4 {
        case 0: try store?.closeCleanly()
        case 1: try store?.abandon()
        default: break
        }
        watch.look()
        watch.follow(nil)
        store = nil
        try open()
        guard store?.writtenLSN == written, store?.firstLSN == first else {
            throw Violation("a process that stopped lost events that it had written, of \(first)...\(written)")
        }
    }

    private mutating func open() throws {
        opens += 1
        let opened = try LogStore.open(
            logDirectory, options: workload.options,
            environment: testEnvironment(
                WatchedStorage(base: disk.backend, watch: watch), seed: mixedSeed(seed, number: opens), flaws: flaws))
        guard opened.firstLSN <= opened.writtenLSN + 1 else {
            throw Violation("the first event is \(opened.firstLSN), behind the last, \(opened.writtenLSN)")
        }
        life += 1
        disk.mark(.lifeBegan(at: opened.writtenLSN + 1))
        watch.follow(opened)
        store = opened
    }
}
