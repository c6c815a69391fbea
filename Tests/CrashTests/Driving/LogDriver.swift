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
    private var watch: Watch
    /// What the full disk kept from being written: it goes first when there is room again.
    private var waiting: StagingBlock?
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
        // A process that is killed while it recovers knows of nothing it found.
        if workload.trouble == .kills, chance(30) { watch.kill(after: Int(pick(0...25))) }
        try survive { driver in
            try driver.open()
            // What was found on a disk that had just come up was on stable storage: recovery must not lose it.
            if let store = driver.store {
                driver.disk.mark(.acknowledge(store.writtenLSN))
                try driver.acknowledgeCheckpoints(of: store)
            }
        }
        for _ in 0..<steps {
            if workload.trouble == .kills, chance(25) { watch.kill(after: Int(pick(0...30))) }
            if workload.trouble == .fullDisk { changeRoom() }
            try survive { driver in try driver.step() }
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
        if waiting != nil { try writeWaiting(store) }
        switch kind {
        case ..<44:
            try write(store)
            switch workload.syncing {
            case .every: try store.sync()
            case .few: if chance(20) { try store.sync() }
            case .never: break
            }
        case ..<53: _ = try store.rotate()
        case ..<73:
            // Compressing a segment takes some steps; those of the writer come in between all the same.
            for _ in 0..<(workload.compresses ? 3 : 1) {
                _ = try store.performMaintenance()
                watch.look()
            }
        case ..<77: while try store.performMaintenance() { watch.look() }
        case ..<79: if workload.syncing != .never { try store.sync() }
        case ..<84: try changeCheckpoint(store)
        case ..<86: try store.recordWatermark()
        case ..<88: try truncate(store)
        case ..<92: if workload.trouble != .lies { try cut(store) }
        case ..<93: try retain(store)
        default: try store.rewriteUnvouched()
        }
    }

    private mutating func write(_ store: LogStore) throws {
        let count = pick(1...(workload.sizes == .varying ? 6 : 3))
        let block = StagingBlock(capacity: 16 << 10)
        var last = store.writtenLSN
        var first = last + 1
        func closeFrame() {
            block.closeFrame()
            if last > first { disk.mark(.batch(first...last)) }
            first = last + 1
        }
        for _ in 0..<count {
            let bytes = EventPayload(life: life, lsn: last + 1, sizes: workload.sizes).bytes
            guard bytes.withUnsafeBytes({ block.append($0, lsn: last + 1) }) else { break }
            last += 1
            if workload.sizes != .varying { closeFrame() }
            // An event too large for what is left of a frame that the segment can hold begins one of its own: none is of more
            // than 5,100 bytes, and the room of a padded segment is smaller.
            if block.end > min(6000, store.largestUnit - 5100) { closeFrame() }
            if block.end > 8000 { break }
        }
        closeFrame()
        disk.mark(.submit(last))
        waiting = block
        try writeWaiting(store)
    }

    private mutating func writeWaiting(_ store: LogStore) throws {
        guard let block = waiting else { return }
        try store.write(block)
        waiting = nil
    }

    private mutating func truncate(_ store: LogStore) throws {
        let lsn = pick(store.firstLSN...store.writtenLSN + 1)
        disk.mark(.allowTruncation(lsn))
        try store.truncate(before: lsn)
        guard store.firstLSN == lsn else { throw Violation("truncated before \(lsn), it begins at \(store.firstLSN)") }
        disk.mark(.firstSettled(at: lsn))
    }

    /// Cuts anywhere, also inside a frame, and now and then everything.
    private mutating func cut(_ store: LogStore) throws {
        let lowest = store.firstLSN - 1
        let near = store.writtenLSN - min(8, store.writtenLSN - lowest)
        let lsn = chance(10) ? lowest : pick((chance(60) ? near : lowest)...store.writtenLSN)
        guard lsn < store.writtenLSN else { return }
        var overrides = chance(70)
        if !overrides, checkpoints.hold(above: lsn) {
            var refusal: WalError?
            do throws(WalError) { try store.truncate(after: lsn) } catch { refusal = error }
            guard refusal?.code != .heldByCheckpoint else { return }
            if watch.isDead, let refusal { throw refusal }
            throw Violation("a checkpoint above \(lsn) held no cut back: \(String(describing: refusal))")
        }
        // One of which the event may have been cut off in an earlier life may still hold.
        if checkpoints.mayHold(above: lsn) { overrides = true }
        disk.mark(.cutBegan(after: lsn))
        checkpoints.beginCut(after: lsn)
        try store.truncate(after: lsn, overridingCheckpoints: overrides)
        life += 1
        disk.mark(.cutEnded(after: lsn))
        checkpoints.finishCut(after: lsn)
        watch.forget(after: lsn)
        guard store.writtenLSN == lsn, store.durableLSN == lsn else {
            throw Violation(
                "after a cut behind \(lsn) the log ends at \(store.writtenLSN), durable \(store.durableLSN)")
        }
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
        waiting = nil
        try open()
        guard store?.writtenLSN == written, store?.firstLSN == first else {
            throw Violation("a process that stopped lost events that it had written, of \(first)...\(written)")
        }
    }

    // MARK: Trouble

    /// Goes on behind what the workload lets happen: a killed process, or no room.
    private mutating func survive(_ body: (inout Self) throws -> Void) throws {
        do {
            try body(&self)
        } catch let error as WalError {
            if watch.isDead { return try reopen() }
            guard workload.trouble == .fullDisk, error.code == .diskFull else { throw error }
            // A cut may have been decided, and then only an open goes on with it.
            if store == nil || store?.failure != nil || History.isCutting(disk.recordedMarks) {
                disk.capacity = nil
                try reopen()
            } else if let store {
                try settleCheckpoints(of: store)
            }
        }
    }

    /// A new process finds what the last one left, none of which may be on stable storage yet.
    private mutating func reopen() throws {
        let (first, written) = (store?.firstLSN ?? 0, store?.writtenLSN ?? 0)
        let isCutting = History.isCutting(disk.recordedMarks)
        watch.follow(nil)
        store = nil
        waiting = nil
        watch = Watch(disk)
        try open()
        guard let store else { return }
        guard store.writtenLSN >= written || isCutting, store.firstLSN >= first else {
            throw Violation(
                "a killed process had written \(first)...\(written), the next found "
                    + "\(store.firstLSN)...\(store.writtenLSN)")
        }
        try settleCheckpoints(of: store)
    }

    /// Room for a little more, for the rest of the log, or for all there will be.
    private mutating func changeRoom() {
        guard chance(25) else { return }
        disk.capacity = chance(50) ? nil : disk.usedBytes + Int(pick(0...24)) * 512
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
        disk.mark(.firstSettled(at: opened.firstLSN))
        watch.follow(opened)
        store = opened
    }
}
