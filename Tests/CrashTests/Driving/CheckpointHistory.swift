import SegmentStore
import WalSimulation

/// One change of a checkpoint. Each has a number of its own, and the state that is saved follows from it.
struct CheckpointChange: Equatable {
    static let names = ["a", "b.c", "d"]

    /// Which of the names.
    var name: Int
    /// Rises from change to change, through all lives.
    var number: UInt64
    /// The position it is saved at; nil: it is removed.
    var lsn: UInt64?

    private static let numberBits: UInt64 = 24

    /// As one number, for a mark.
    var value: UInt64 { UInt64(name) | number << 2 | (lsn.map { $0 + 1 } ?? 0) << (2 + Self.numberBits) }

    init(name: Int, number: UInt64, lsn: UInt64?) {
        self.name = name
        self.number = number
        self.lsn = lsn
    }

    init(_ value: UInt64) {
        name = Int(value & 3)
        number = value >> 2 & (1 << Self.numberBits - 1)
        let position = value >> (2 + Self.numberBits)
        lsn = position == 0 ? nil : position - 1
    }

    /// None, empty, or over some sectors.
    var state: [UInt8]? {
        var generator = SeededGenerator(seed: value)
        let size = Int(generator.next() >> 33) % 1500
        if size < 100 { return size < 50 ? nil : [] }
        return (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 40) }
    }
}

extension TraceMark {
    /// A change of a checkpoint begins.
    static func changing(_ change: CheckpointChange) -> Self { .permission(kind: 3, value: change.value) }
    /// A change of a checkpoint was reported done, or was found done on a disk that had just come up.
    static func changed(_ change: CheckpointChange) -> Self { .promise(kind: 4, value: change.value) }
}

/// What the marks before a crash say of checkpoints.
struct CheckpointHistory {
    private(set) var newestNumber: UInt64 = 0
    /// For each name the changes that may be found: the last one done, and those begun since.
    private var possible: [[CheckpointChange]]
    /// The numbers of those whose event may have been cut off, and of those of which it was.
    private var mayBeStale: Set<UInt64> = []
    private var isStale: Set<UInt64> = []

    init(_ marks: some Sequence<TraceMark>) {
        possible = CheckpointChange.names.indices.map { [.init(name: $0, number: 0, lsn: nil)] }
        for mark in marks {
            switch mark {
            case .permission(kind: 3, let value): begin(CheckpointChange(value))
            case .promise(kind: 4, let value): finish(CheckpointChange(value))
            case .permission(kind: 5, let lsn): beginCut(after: lsn)
            case .promise(kind: 6, let lsn): finishCut(after: lsn)
            default: break
            }
        }
    }

    mutating func begin(_ change: CheckpointChange) {
        newestNumber = max(newestNumber, change.number)
        possible[change.name].append(change)
    }

    mutating func finish(_ change: CheckpointChange) {
        possible[change.name] = [change]
    }

    mutating func beginCut(after lsn: UInt64) {
        mayBeStale.formUnion(standing(above: lsn))
    }

    mutating func finishCut(after lsn: UInt64) {
        isStale.formUnion(standing(above: lsn))
    }

    private func standing(above lsn: UInt64) -> [UInt64] {
        var numbers: [UInt64] = []
        for change in possible.joined() where (change.lsn ?? 0) > lsn { numbers.append(change.number) }
        return numbers
    }

    /// Whether a checkpoint that is there holds back a cut.
    func hold(above lsn: UInt64) -> Bool { !mayBeStale.isSuperset(of: standing(above: lsn)) }

    /// Whether a checkpoint that may be there may hold back a cut.
    func mayHold(above lsn: UInt64) -> Bool { !standing(above: lsn).isEmpty }

    /// The lowest LSN that a checkpoint which may be there stands at.
    var lowest: UInt64? { possible.joined().compactMap(\.lsn).min() }

    /// What is there of each checkpoint must be one of the changes that may be found, whole.
    func check(_ store: LogStore) throws {
        for name in CheckpointChange.names.indices { _ = try found(name, in: store) }
        let listed = try store.checkpoints()
        if let strange = listed.first(where: { $0.damage != nil || !CheckpointChange.names.contains($0.name) }) {
            throw Violation("the checkpoint \(strange.name) is listed: \(String(describing: strange.damage))")
        }
    }

    /// The change that is found of a checkpoint.
    func found(_ name: Int, in store: LogStore) throws -> CheckpointChange {
        let text = CheckpointChange.names[name]
        let candidates = possible[name]
        do throws(WalError) {
            let checkpoint = try store.checkpoint(text)
            let match = candidates.last { $0.lsn == checkpoint.position.lsn.rawValue && $0.state == checkpoint.state }
            if let match {
                try resume(checkpoint, store, match)
                return match
            }
        } catch {
            guard error.code == .unknownCheckpoint else { throw Violation("the checkpoint \(text) is lost: \(error)") }
            if let match = candidates.last(where: { $0.lsn == nil }) { return match }
        }
        throw Violation("the checkpoint \(text) is none of \(candidates.map { ($0.number, $0.lsn) })")
    }

    private func resume(_ checkpoint: Checkpoint, _ store: LogStore, _ change: CheckpointChange) throws(WalError) {
        let lsn = checkpoint.position.lsn.rawValue
        do throws(WalError) {
            let next = try store.resumePoint(of: checkpoint)
            if isStale.contains(change.number) {
                throw WalError(.corrupted, "it stands at an event that was cut off, and resumes at \(next)")
            }
            if next == lsn + 1 || lsn == 0 { return }
            throw WalError(.corrupted, "it resumes at \(next)")
        } catch {
            if error.code == .checkpointFellBehind, lsn + 1 < store.firstLSN { return }
            if error.code == .stalePosition, mayBeStale.contains(change.number) { return }
            throw error
        }
    }
}

// MARK: - What a run does

extension LogDriver {
    /// Saves a checkpoint, or removes one.
    mutating func changeCheckpoint(_ store: LogStore) throws {
        let name = Int(pick(0...UInt64(CheckpointChange.names.count - 1)))
        let isThere = try checkpoints.found(name, in: store).lsn != nil
        let isRemoval = isThere && chance(40)
        let newest = flaws.contains(.checkpointsBeforeDurable) ? store.writtenLSN : store.durableLSN
        let oldest = store.firstLSN - 1
        guard oldest <= newest else { return }
        let lsn = isRemoval ? nil : chance(10) ? 0 : pick(oldest...newest)
        let change = CheckpointChange(name: name, number: checkpoints.newestNumber + 1, lsn: lsn)
        disk.mark(.changing(change))
        checkpoints.begin(change)
        let text = CheckpointChange.names[name]
        if let lsn {
            try store.setCheckpoint(text, at: store.position(of: lsn), state: change.state)
        } else {
            try store.removeCheckpoint(text)
        }
        disk.mark(.changed(change))
        checkpoints.finish(change)
    }

    /// What is found on a disk that has just come up is on stable storage.
    mutating func acknowledgeCheckpoints(of store: LogStore) throws {
        for name in CheckpointChange.names.indices {
            let change = try checkpoints.found(name, in: store)
            disk.mark(.changed(change))
            checkpoints.finish(change)
        }
    }

    /// Of changes that were cut short, what is found is what was done, though it may not be on stable storage.
    mutating func settleCheckpoints(of store: LogStore) throws {
        for name in CheckpointChange.names.indices {
            checkpoints.finish(try checkpoints.found(name, in: store))
        }
    }

    /// Drops old segments, now and then past checkpoints.
    mutating func retain(_ store: LogStore) throws {
        let policy = Retention(maxSegments: Int(pick(1...3)), overridesCheckpoints: chance(30))
        let before = store.firstLSN
        // What no checkpoint asks for may go.
        let held = policy.overridesCheckpoints ? nil : checkpoints.lowest.map { $0 + 1 }
        let limit = max(before, min(held ?? .max, store.writtenLSN + 1))
        disk.mark(.allowTruncation(limit))
        let report = try store.applyRetention(policy)
        guard store.firstLSN <= limit, report.firstLSN == LSN(store.firstLSN) else {
            throw Violation("retention dropped to \(store.firstLSN), though checkpoints hold what comes from \(limit)")
        }
        disk.mark(.firstSettled(at: store.firstLSN))
        let kept = try store.segments().count
        guard kept <= (policy.maxSegments ?? 0) || !report.held.isEmpty else {
            throw Violation("retention kept \(kept) segments by \(policy)")
        }
    }
}
