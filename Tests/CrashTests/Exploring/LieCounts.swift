import SegmentStore
import WalSimulation

/// What became of a log on a device that lied, and whether it may.
struct LieCounts: CustomStringConvertible {
    var states = 0
    /// Opening refused, with an error that names the damage.
    private(set) var refused = 0
    /// Those of them that repair refuses too, by the code of its error.
    private var unrepaired: [WalError.Code: Int] = [:]
    /// Opened; reading stops at the damage, with an error that names it.
    private(set) var stopped = 0
    /// Nothing is missing.
    private(set) var whole = 0
    /// The end is missing, and nothing is left that says it was durable.
    private(set) var honest = 0

    var description: String {
        "\(states) states: \(refused) refused, \(stopped) read up to the damage, \(whole) whole, "
            + "\(honest) as after an honest power cut; repair refused \(unrepaired)"
    }

    mutating func judge(_ state: DeviceFaultExplorer.State, _ workload: Workload) throws {
        let disk = state.disk
        disk.settlesAtOnce = true
        let expected = Expectation(state.marks)
        let evidence = DurableEvidence(disk)
        let before = disk.snapshot()
        let store: LogStore
        do {
            store = try open(disk, workload, .strict)
        } catch let error as WalError {
            try checkNaming(error)
            guard disk.snapshot().difference(from: before).isEmpty else {
                throw Violation("refused with \(error), but changed the disk")
            }
            refused += 1
            return try checkRepaired(disk, workload, expected)
        }
        let end = try read(store, workload, expected)
        guard store.firstLSN <= max(expected.history.highestFirst, 1) else {
            throw Violation("the log begins at \(store.firstLSN)")
        }
        let checkpoint = try newestCheckpoint(in: store)
        if let damage = end.damage {
            try checkNaming(damage)
            let report = try store.verify(progress: nil)
            guard !report.isIntact else { throw Violation("reading found \(damage), verification nothing") }
            stopped += 1
        } else if end.lsn >= expected.history.acknowledged {
            whole += 1
        } else {
            if let lsn = checkpoint, lsn > end.lsn {
                throw Violation("a checkpoint stands at \(lsn), and the log ends at \(end.lsn) without a word")
            }
            guard evidence.newest <= end.lsn else {
                throw Violation(
                    "events up to \(expected.history.acknowledged) were durable, \(evidence) says so, and the log ends at "
                        + "\(end.lsn) without a word")
            }
            honest += 1
        }
    }

    private func open(_ disk: SimulatedDisk, _ workload: Workload, _ recovery: RecoveryMode) throws -> LogStore {
        var options = workload.options
        options.recovery = recovery
        return try LogStore.open(logDirectory, options: options, environment: testEnvironment(disk.backend, seed: 5))
    }

    /// An error that ends reading says that durable data is damaged or gone, where, and which events it concerns. That can't be
    /// said where the superblock is lost, nor of a file without the magic number of a segment.
    private func checkNaming(_ error: WalError) throws {
        let concernsAny = [logDirectory, logDirectory + "/" + FileNames.superblock].contains(error.path)
        let isNamed = error.lsns != nil || concernsAny || error.code == .foreignFile
        guard [.corrupted, .missingSegment, .foreignFile].contains(error.code), error.path != nil, isNamed
        else { throw Violation("\(error.code) names no damage: \(error), \(String(describing: error.lsns))") }
    }

    /// One that is damaged says so; one that was lost may be missing.
    private func newestCheckpoint(in store: LogStore) throws -> UInt64? {
        try CheckpointChange.names.compactMap { name -> UInt64? in
            do throws(WalError) { return try store.checkpoint(name).position.lsn.rawValue } catch {
                guard error.code == .unknownCheckpoint || error.code == .corrupted && error.path != nil else {
                    throw Violation("the checkpoint \(name) can't be read: \(error)")
                }
                return nil
            }
        }.max()
    }

    /// Reads up to the end, or the first error; no wrong byte may come, and no LSN out of turn.
    private func read(
        _ store: LogStore, _ workload: Workload, _ expected: Expectation
    ) throws -> (lsn: UInt64, damage: WalError?) {
        var last = store.firstLSN - 1
        do {
            var cursor = try store.cursor(from: 0, through: .max)
            while let view = try cursor.next() {
                guard view.lsn == last + 1, let owner = expected.history.owner(of: view.lsn),
                    EventPayload(life: owner, lsn: view.lsn, sizes: workload.sizes).matches(view.payload)
                else { throw Violation("LSN \(view.lsn) came, or wrong bytes, where \(last + 1) was due") }
                last = view.lsn
            }
        } catch let error as WalError {
            return (last, error)
        }
        guard last == store.writtenLSN else { throw Violation("events end at \(last), not \(store.writtenLSN)") }
        return (last, nil)
    }

    /// A repair keeps right bytes alone, and says what was wrong.
    private mutating func checkRepaired(
        _ disk: SimulatedDisk, _ workload: Workload, _ expected: Expectation
    ) throws {
        let store: LogStore
        do {
            store = try open(disk, workload, .pointInTime)
        } catch let error as WalError {
            // Not every damage can be repaired without a hand.
            try checkNaming(error)
            unrepaired[error.code, default: 0] += 1
            return
        }
        guard store.report.damage != nil else { throw Violation("a repair found no damage: \(store.report)") }
        if let damage = try read(store, workload, expected).damage { try checkNaming(damage) }
    }
}
