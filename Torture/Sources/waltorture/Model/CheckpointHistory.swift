import Wal

/// A change of a checkpoint. Each has a number of its own, and the state that is saved follows from it.
struct CheckpointChange: Equatable {
    static let names = ["a", "b.c", "d"]

    var name: Int
    var number: UInt64
    /// The position it is saved at; nil: it is removed.
    var lsn: UInt64?

    init(name: Int, number: UInt64, lsn: UInt64?) {
        self.name = name
        self.number = number
        self.lsn = lsn
    }

    init(_ mark: Mark) {
        self.init(name: Int(mark.name) % Self.names.count, number: mark.a, lsn: mark.b == 0 ? nil : mark.b - 1)
    }

    func mark(_ kind: Mark.Kind) -> Mark {
        Mark(kind, number, lsn.map { $0 + 1 } ?? 0, name: UInt32(name))
    }

    /// None, empty, or over some sectors.
    var state: [UInt8]? {
        var generator = SplitMix(number, UInt64(name))
        let size = Int(generator.pick(0...1500))
        if size < 100 { return size < 50 ? nil : [] }
        return (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }
}

/// What the marks say of checkpoints.
struct CheckpointHistory {
    private(set) var newestNumber: UInt64 = 0
    /// For each name the changes that may be found: the last one done, and those begun since.
    private var possible = CheckpointChange.names.indices.map { [CheckpointChange(name: $0, number: 0, lsn: nil)] }
    /// The numbers of those whose event was, or may have been, cut off.
    private var stale: Set<UInt64> = []

    mutating func begin(_ change: CheckpointChange) {
        newestNumber = max(newestNumber, change.number)
        possible[change.name].append(change)
    }

    mutating func finish(_ change: CheckpointChange) {
        possible[change.name] = [change]
    }

    mutating func beginCut(after lsn: UInt64) {
        for change in possible.joined() where (change.lsn ?? 0) > lsn { stale.insert(change.number) }
    }

    mutating func finishCut(after lsn: UInt64) {
        beginCut(after: lsn)
    }

    /// Each checkpoint must be one of the changes that may be found, whole, and not beyond the log.
    func check(_ log: WriteAheadLog) throws {
        for name in CheckpointChange.names.indices { try check(name, log) }
    }

    private func check(_ name: Int, _ log: WriteAheadLog) throws {
        let text = CheckpointChange.names[name]
        let candidates = possible[name]
        let found: Checkpoint
        do throws(WalError) {
            found = try log.checkpoint(text)
        } catch {
            guard error.code == .unknownCheckpoint else { throw error }
            if candidates.contains(where: { $0.lsn == nil }) { return }
            throw Violation.lost(1, "the checkpoint \(text) is lost")
        }
        let lsn = found.position.lsn.rawValue
        guard let change = candidates.last(where: { $0.lsn == lsn && $0.state == found.state }) else {
            throw Violation.wrong(
                "the checkpoint \(text) at \(lsn) is none of \(candidates.map { ($0.number, $0.lsn) })")
        }
        guard lsn <= log.lastLSN.rawValue || stale.contains(change.number) else {
            throw Violation.wrong("the checkpoint \(text) at \(lsn) lies beyond the log, which ends at \(log.lastLSN)")
        }
    }
}
