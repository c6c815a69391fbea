import SegmentStore
import WalSimulation

/// What must hold of a log after a crash, judged by the marks before it.
struct Oracle {
    let disk: SimulatedDisk
    let workload: Workload
    let flaws: StoreFlaws
    let history: History
    let checkpoints: CheckpointHistory
    let seed: UInt64
    /// What the recoveries on the way came to.
    private(set) var coverage = RecoveryCoverage()
    private var opens: UInt64 = 0

    init(_ disk: SimulatedDisk, _ workload: Workload, flaws: StoreFlaws, _ expected: Expectation, seed: UInt64) {
        self.disk = disk
        self.workload = workload
        self.flaws = flaws
        self.seed = seed
        history = expected.history
        checkpoints = expected.checkpoints
    }

    /// Recovers and looks at every byte of every event; `fully` also recovers again and goes on with the log.
    mutating func check(fully: Bool) throws {
        let store = try open("after the crash")
        let found = try checkEvents(of: store)
        try checkFiles(of: store)
        try checkpoints.check(store)
        guard fully else { return }
        try checkReport(of: store)
        try checkAgain(found, store)
        try checkGoingOn(found)
    }

    private mutating func open(_ when: String) throws -> LogStore {
        opens += 1
        do {
            let store = try LogStore.open(
                logDirectory, options: workload.options,
                environment: testEnvironment(disk.backend, seed: mixedSeed(seed, number: opens), flaws: flaws))
            coverage.add(store.report)
            return store
        } catch {
            throw Violation("open failed \(when): \(error)")
        }
    }

    // MARK: Events

    /// Every durable event is there; all events follow one another; each is the one its life submitted, to the last byte.
    private func checkEvents(of store: LogStore) throws -> ClosedRange<UInt64> {
        let (first, last) = (store.firstLSN, store.writtenLSN)
        guard first >= history.lowestFirst else {
            throw Violation("a truncation before \(history.lowestFirst) came undone: the first event is \(first)")
        }
        guard first <= history.highestFirst else {
            throw Violation(
                "the first event is \(first), though truncation was allowed only to \(history.highestFirst)")
        }
        guard last >= history.acknowledged || last == history.pendingCut else {
            throw Violation("durable events were lost: the last is \(last), durable was \(history.acknowledged)")
        }
        guard first <= last + 1 else { throw Violation("the first event is \(first), behind the last, \(last)") }
        guard store.durableLSN <= last else { throw Violation("durable \(store.durableLSN) lies above \(last)") }
        guard store.report.damage == nil, store.report.outcome != .pointInTime else {
            throw Violation("a crash passed for damage: \(store.report)")
        }
        if let batch = history.batch(brokenAfter: last) {
            throw Violation("of the batch \(batch) only the events up to \(last) are there")
        }
        try checkEvents(of: store, first...last + 1) { history.owner(of: $0) }
        return first...last + 1
    }

    private func checkEvents(
        of store: LogStore, _ range: ClosedRange<UInt64>, owner: (UInt64) -> UInt64?
    ) throws {
        var lsn = range.lowerBound
        var lives: [Position: UInt64] = [:]
        do {
            var cursor = try store.cursor(from: 0, through: .max)
            while let view = try cursor.next() {
                guard view.lsn == lsn else { throw Violation("LSN \(view.lsn) came where \(lsn) was due") }
                try check(view, owner: owner(lsn))
                // A position must tell an event from any other that ever had its LSN.
                let position = Position(lsn: 0, epoch: cursor.epoch, incarnation: cursor.incarnation)
                let life = EventPayload.life(of: view.payload) ?? 0
                guard lives.updateValue(life, forKey: position) ?? life == life else {
                    throw Violation("life \(life), which wrote LSN \(lsn), has the epoch of another")
                }
                lsn += 1
            }
        } catch let error as WalError {
            throw Violation("reading \(lsn) failed: \(error)")
        }
        guard lsn == range.upperBound else { throw Violation("events end at \(lsn), not \(range.upperBound)") }
    }

    private func check(_ view: RecordView, owner: UInt64?) throws {
        let life = EventPayload.life(of: view.payload)
        guard let owner else {
            throw Violation("LSN \(view.lsn) of life \(life ?? 0) came back: the life that owns it has not written it")
        }
        guard life == owner else {
            throw Violation("LSN \(view.lsn) is of life \(life ?? 0), not of life \(owner), which owns it")
        }
        guard EventPayload(life: owner, lsn: view.lsn, sizes: workload.sizes).matches(view.payload) else {
            throw Violation("LSN \(view.lsn) has wrong bytes")
        }
    }

    // MARK: Files and findings

    /// No file but the log's own, and none that belongs to no segment.
    private func checkFiles(of store: LogStore) throws {
        var expected: Set<String> = [FileNames.lock, FileNames.superblock, FileNames.quarantine, FileNames.checkpoints]
        do {
            for segment in try store.segments() {
                expected.insert(String(segment.path.dropFirst(logDirectory.count + 1)))
            }
        } catch {
            throw Violation("listing segments failed: \(error)")
        }
        let names = try disk.backend.list(logDirectory)
        if let stray = names.sorted().first(where: { !expected.contains($0) }) {
            throw Violation("the file \(stray) was left behind")
        }
    }

    /// Verification finds nothing that is not derivable.
    private func checkReport(of store: LogStore) throws {
        let report: VerifyReport
        do {
            report = try store.verify(progress: nil)
        } catch {
            throw Violation("verify failed: \(error)")
        }
        if let finding = report.findings.first(where: { $0.kind != .derivable }) {
            throw Violation("verify found \(finding.kind): \(finding.error)")
        }
        // Verification reads whole segments, but counts no event that was truncated away.
        let base = store.firstLSN
        guard report.eventCount == store.writtenLSN + 1 - base else {
            throw Violation("verify counted \(report.eventCount) events in \(base)...\(store.writtenLSN)")
        }
    }

    /// Recovering a second time finds the same and changes nothing but the superblock.
    private mutating func checkAgain(_ found: ClosedRange<UInt64>, _ store: LogStore) throws {
        do { try store.abandon() } catch { throw Violation("abandon failed: \(error)") }
        let before = disk.snapshot()
        let again = try open("a second time")
        guard again.firstLSN == found.lowerBound, again.writtenLSN + 1 == found.upperBound else {
            throw Violation("a second recovery found \(again.firstLSN) to \(again.writtenLSN), not \(found)")
        }
        try checkEvents(of: again, found) { history.owner(of: $0) }
        try checkpoints.check(again)
        let changed = disk.snapshot().difference(from: before)
        if let path = changed.first(where: { !$0.hasSuffix("/" + FileNames.superblock) }) {
            throw Violation("a second recovery made, changed or removed \(path)")
        }
        do { try again.closeCleanly() } catch { throw Violation("closing failed: \(error)") }
    }

    /// Whoever reads while the log is being written sees all that was written, and calls nothing torn.
    private mutating func checkReader(besides store: LogStore) throws {
        var options = workload.options
        options.readOnly = true
        opens += 1
        let reader = try LogStore.open(
            logDirectory, options: options,
            environment: testEnvironment(disk.backend, seed: mixedSeed(seed, number: opens), flaws: flaws))
        coverage.add(reader.report)
        guard reader.report.outcome == .inProgress, reader.writtenLSN == store.writtenLSN else {
            throw Violation("a reader of the living log saw \(reader.report)")
        }
        try reader.abandon()
    }

    /// The log takes new events, keeps them, and is whole afterwards.
    private mutating func checkGoingOn(_ found: ClosedRange<UInt64>) throws {
        let store = try open("a third time")
        guard store.firstLSN == found.lowerBound, store.writtenLSN + 1 == found.upperBound else {
            throw Violation("after a clean close there is \(store.firstLSN) to \(store.writtenLSN), not \(found)")
        }
        let life = UInt64(history.lives.count + 1)
        var last = found.upperBound - 1
        let newFirst = last + 1
        do {
            for group in 0..<3 {
                let block = StagingBlock(capacity: 16 << 10)
                for lsn in last + 1...last + 3 {
                    let bytes = EventPayload(life: life, lsn: lsn, sizes: workload.sizes).bytes
                    if bytes.withUnsafeBytes({ block.append($0, lsn: lsn) }) { last = lsn }
                    block.closeFrame()
                }
                try store.write(block)
                if group == 0 { _ = try store.rotate() }
                if group == 1 { while try store.performMaintenance() {} }
            }
            try checkReader(besides: store)
            try store.sync()
            try store.abandon()
        } catch let error as WalError {
            throw Violation("the recovered log could not go on: \(error)")
        }
        let reopened = try open("after new events")
        guard reopened.firstLSN == found.lowerBound, reopened.writtenLSN == last else {
            throw Violation(
                "after new events there is \(reopened.firstLSN)...\(reopened.writtenLSN), not up to \(last)")
        }
        try checkEvents(of: reopened, found.lowerBound...last + 1) { $0 >= newFirst ? life : history.owner(of: $0) }
        try checkReport(of: reopened)
    }
}
