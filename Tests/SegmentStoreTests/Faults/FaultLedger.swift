import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// What a run knows of its log, whatever happened to it.
final class FaultLedger {
    /// The events that an LSN can be: those handed to the store under it since it was last free.
    private var submitted: [UInt64: Set<[UInt8]>] = [:]
    /// Of those that are durable, the one that the store took.
    private var taken: [UInt64: [UInt8]] = [:]
    /// The sizes of the events that may be left from before.
    private var oldSizes: [UInt64: Int]
    private(set) var durableLSN: UInt64
    /// The first event kept: the highest it can be, and the lowest.
    private(set) var firstLSN: UInt64
    private(set) var lowestFirstLSN: UInt64
    /// The lowest end that a cut which failed may have left; nothing has been synced since.
    private(set) var cut = UInt64.max
    private var number: UInt64 = 0
    private(set) var store: LogStore?
    var options = StoreHarness.smallSegments
    let scenario: FaultScenario
    /// Threads that were started and have not ended.
    let threads = SharedCounter()
    /// Whether work is done on threads, whose calls come in any order.
    let spawns: Bool

    init(_ scenario: FaultScenario, spawns: Bool = false) {
        self.scenario = scenario
        self.spawns = spawns
        durableLSN = scenario.durableLSN
        firstLSN = scenario.firstLSN
        lowestFirstLSN = scenario.firstLSN
        oldSizes = scenario.oldSizes
    }

    func open(_ storage: any Storage) throws {
        store = try open(StoreHarness.directory, storage, seed: 7)
    }

    func open(_ directory: String, _ storage: any Storage, seed: UInt64) throws -> LogStore {
        var environment = StoreHarness.environment(storage, seed: seed)
        if spawns {
            let threads = threads
            environment.processorCount = 2
            environment.spawn = { body in
                threads.increment()
                let thread = try? SystemThread(name: "test") {
                    body()
                    threads.decrement()
                }
                if thread == nil { threads.decrement() }
                return thread != nil
            }
        }
        return try LogStore.open(directory, options: options, environment: environment)
    }

    /// Lets go of the store without closing it in order.
    func abandon() {
        // A close that fails closes all the same, which is what is looked at next.
        try? store?.abandon()
        store = nil
    }

    // MARK: Changes

    func append(_ size: Int = 900) throws { try append(sizes: [size]) }

    /// Appends one group.
    func append(sizes: [Int]) throws {
        guard let store else { return }
        var events: [UInt64: [UInt8]] = [:]
        let next = store.writtenLSN + 1
        for (lsn, size) in zip(next..., sizes) {
            number += 1
            let event = StoreSample.event(number, size: size)
            events[lsn] = event
            submitted[lsn, default: []].insert(event)
        }
        let wasFailed = store.failure != nil
        try StoreHarness(store).append(events.sorted { $0.key < $1.key }.map(\.value))
        #expect(!wasFailed, "a failed store took an event")
        taken.merge(events) { _, new in new }
    }

    func sync() throws {
        guard let store else { return }
        let wasFailed = store.failure != nil
        try store.sync()
        #expect(!wasFailed, "a failed store acknowledged a sync")
        // Whatever became of a cut that failed, the log is what the store shows now.
        durableLSN = min(durableLSN, cut)
        cut = .max
        acknowledge()
    }

    func acknowledge() {
        guard let store else { return }
        durableLSN = max(durableLSN, store.durableLSN)
        // Where a store took an event that is durable now, it can be no other.
        for (lsn, event) in taken where lsn <= min(store.durableLSN, cut) {
            submitted[lsn] = [event]
            oldSizes[lsn] = nil
        }
    }

    func truncate(before lsn: UInt64) throws {
        // From the call on it may happen, whatever it reports.
        firstLSN = max(firstLSN, lsn)
        try store?.truncate(before: lsn)
        lowestFirstLSN = max(lowestFirstLSN, lsn)
    }

    func truncate(after lsn: UInt64) throws {
        // From the call on it may happen, whatever it reports.
        cut = min(cut, lsn)
        try store?.truncate(after: lsn)
        cut = .max
        durableLSN = lsn
        forget(after: lsn)
    }

    /// Nothing that was cut off may come back.
    private func forget(after lsn: UInt64) {
        submitted = submitted.filter { $0.key <= lsn }
        taken = taken.filter { $0.key <= lsn }
        oldSizes = oldSizes.filter { $0.key <= lsn }
    }

    /// Keeps no more than some segments.
    func retain(_ count: Int) throws {
        guard let store else { return }
        let segments = try store.segments()
        if segments.count > count { firstLSN = max(firstLSN, segments[segments.count - count].firstLSN.rawValue) }
        _ = try store.applyRetention(Retention(maxSegments: count))
        lowestFirstLSN = store.firstLSN
        firstLSN = lowestFirstLSN
        acknowledge()
    }

    func maintain() throws {
        while try store?.performMaintenance() == true { acknowledge() }
        acknowledge()
    }

    // MARK: Reading

    /// Whether the event is one that its LSN may have.
    func knows(_ lsn: UInt64, _ event: [UInt8]) -> Bool {
        if submitted[lsn]?.contains(event) == true { return true }
        return oldSizes[lsn].map { event == StoreSample.event(lsn, size: $0) } ?? false
    }

    /// Reads everything; what is given out before an error must be right, and without one it must be all.
    func replay(_ access: ReadAccess) throws {
        guard let store else { return }
        var next = store.firstLSN
        var cursor = try store.cursor(from: 0, through: .max, access: access)
        while let view = try cursor.next() {
            #expect(view.lsn == next && knows(view.lsn, Array(view.payload)), "\(scenario): LSN \(view.lsn)")
            next = view.lsn + 1
        }
        #expect(next == store.writtenLSN + 1, "\(scenario): reading ended at \(next) and said nothing")
    }

    /// Verifies; an error of the disk is thrown, never passed off as health.
    func verify() throws {
        guard let store else { return }
        let report = try store.verify(progress: nil)
        guard report.isIntact else { throw report.findings[0].error }
        #expect(report.eventCount == store.writtenLSN + 1 - store.firstLSN, "\(scenario)")
    }

    /// Reads what can be read without opening the log. What is not given out must be named.
    func salvage(_ storage: any Storage, into target: LogStore? = nil) throws {
        var missing = Set(1...scenario.salvageableLSN)
        var end: UInt64?
        var salvage = Salvage(storage: storage, directory: StoreHarness.directory)
        try salvage.run { view in
            let event = Array(view.payload)
            #expect(knows(view.lsn, event), "\(scenario): LSN \(view.lsn)")
            missing.remove(view.lsn)
            end = nil
            if let target { try StoreHarness(target).append([event]) }
            return true
        } hole: { error in
            if let lsns = error.lsns {
                end = lsns.upperBound.rawValue
                missing = missing.filter { $0 < lsns.lowerBound.rawValue || $0 > lsns.upperBound.rawValue }
            }
            return true
        }
        // How far the events went behind the last hole, nothing that can be read may tell.
        if let end { missing = missing.filter { $0 <= end } }
        #expect(missing.isEmpty, "\(scenario): \(missing.sorted()) were neither given out nor named")
    }
}
