import SegmentStore
import Synchronization
import Testing
import WalSimulation

/// A reader in another process, and a writer that changes the set of files between any two of its calls: the reader reports no
/// damage, misses no file, and gives out no wrong byte.
@Suite struct BesideWriterTests {
    /// What the writer does meanwhile.
    enum Work: String, CaseIterable, Sendable {
        case append, roll, seal, truncateBefore, truncateBeforeAll, cut, cutAndGoOn, cutAll, compress, cutCompressed,
            retention, reopen
    }

    /// What the reader does.
    enum Look: String, CaseIterable, Sendable {
        case openAndVerify, openAndRead, readMapped, read, verify, refresh, list, positions, plan, salvage
    }

    /// When the writer does it.
    private enum Pace: Sendable {
        /// All of it before one of the reader's calls.
        case atOnce(Int)
        /// From one of the reader's calls on, a step before each.
        case stepwise(Int)
        /// Some steps before one of the reader's calls, the rest never.
        case stopped(Int, steps: Int)

        func steps(before call: Int, of all: Int) -> Int {
            switch self {
            case .atOnce(let start): call >= start ? all : 0
            case .stepwise(let start): call >= start ? min(all, call - start + 1) : 0
            case .stopped(let start, let steps): call >= start ? min(all, steps) : 0
            }
        }
    }

    /// A log, what a writer did to it, and what may be read of it.
    private struct Scene {
        var trace: DiskTrace
        /// The payloads that each LSN has had.
        var events: [UInt64: Set<[UInt8]>]
        /// The LSN up to which all is there before, meanwhile and after.
        var steady: UInt64
        var first: (before: UInt64, after: UInt64)
        /// Whether events were cut off, and which is the last one kept.
        var cut: UInt64?
    }

    private static func scene(_ work: Work) throws -> Scene {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        var events: [UInt64: Set<[UInt8]>] = [:]
        func append(_ count: Int, size: Int, salt: UInt64 = 0) throws {
            for _ in 0..<count {
                let lsn = log.store.writtenLSN + 1
                let event = StoreSample.event(lsn &+ salt, size: size)
                events[lsn, default: []].insert(event)
                try log.append([event])
            }
        }
        for number in 0..<6 {
            if number > 0 { _ = try log.store.rotate() }
            try append(4, size: 900)
            if number < 4 { try log.maintain() }
        }
        if work == .cutCompressed { try log.compress(CompressedSample.settings()) }
        // Two are rolled and not sealed, and the last events are not durable.
        try log.store.sync()
        try append(2, size: 300)
        let before = (first: log.store.firstLSN, last: log.store.writtenLSN)
        var cut: UInt64?
        disk.startRecording()
        switch work {
        case .append: try append(6, size: 700)
        case .roll:
            for _ in 0..<3 {
                _ = try log.store.rotate()
                try append(3, size: 500)
            }
        case .seal:
            _ = try log.store.rotate()
            try append(1, size: 10)
            try log.maintain()
        case .truncateBefore: try log.store.truncate(before: 14)
        case .truncateBeforeAll: try log.store.truncate(before: log.store.writtenLSN + 1)
        case .cut, .cutCompressed:
            cut = 10
            try log.store.truncate(after: 10)
        case .cutAndGoOn:
            cut = 10
            try log.store.truncate(after: 10)
            for _ in 0..<3 {
                try append(5, size: 600, salt: 1000)
                _ = try log.store.rotate()
            }
            try log.maintain()
        case .cutAll:
            cut = 0
            try log.store.truncate(after: 0)
        case .compress:
            try log.maintain()
            try log.compress(CompressedSample.settings())
        case .retention: _ = try log.store.applyRetention(Retention(maxSegments: 2))
        case .reopen:
            try log.store.closeCleanly()
            let again = try StoreHarness(disk, seed: 2)
            let lsn = again.store.writtenLSN + 1
            let event = StoreSample.event(lsn, size: 500)
            events[lsn, default: []].insert(event)
            try again.append([event])
            _ = try again.store.rotate()
            try again.maintain()
        }
        let trace = try #require(disk.stopRecording())
        return Scene(
            trace: trace, events: events, steady: cut ?? before.last, first: (before.first, log.store.firstLSN),
            cut: cut)
    }

    // MARK: What the reader may find

    private static func check(_ outcome: ReadOutcome, _ scene: Scene, _ note: String) {
        let lsns = outcome.events.keys.sorted()
        for lsn in lsns where scene.events[lsn]?.contains(outcome.events[lsn] ?? []) != true {
            Issue.record("\(note): LSN \(lsn) has a wrong payload")
        }
        if let first = lsns.first, let last = lsns.last {
            #expect(lsns.count == Int(last - first) + 1, "\(note): a gap in \(lsns)")
            #expect(first <= max(scene.first.before, scene.first.after), "\(note)")
        }
        if let error = outcome.error {
            let isTruncated = error.code == .truncated && scene.first.after > scene.first.before
            let isStale = error.code == .stalePosition && (lsns.last ?? 0) > scene.cut ?? .max
            #expect(isTruncated || isStale, "\(note): \(error)")
        } else {
            #expect(lsns.last ?? scene.first.after - 1 >= min(scene.steady, scene.first.after - 1), "\(note): \(lsns)")
            if scene.first.after == scene.first.before {
                #expect((lsns.last ?? 0) >= scene.steady, "\(note): ends at \(lsns.last ?? 0)")
            }
        }
    }

    private static func check(_ report: VerifyReport, _ note: String) {
        let wrong = report.findings.filter { $0.kind != .inProgress }
        #expect(wrong.isEmpty, "\(note): \(wrong)")
    }

    private static func look(_ look: Look, _ storage: any Storage, _ open: LogStore?, _ scene: Scene, _ note: String)
        throws
    {
        var options = StoreHarness.smallSegments
        options.readOnly = true
        options.readAccess = look == .readMapped ? .mapped : .read
        let environment = StoreHarness.environment(storage)
        func opened() throws -> LogStore {
            if let open { return open }
            return try LogStore.open(StoreHarness.directory, options: options, environment: environment)
        }
        switch look {
        case .openAndVerify, .verify: check(try opened().verify(progress: nil), note)
        case .openAndRead, .read, .readMapped: check(ReadOutcome(try opened()), scene, note)
        case .refresh:
            let store = try opened()
            _ = try store.refresh()
            check(ReadOutcome(store), scene, note)
            check(try store.verify(progress: nil), note)
        case .list:
            let store = try opened()
            _ = try store.segments()
            _ = try store.retentionPlan(Retention(maxBytes: 1, maxAge: .seconds(1), maxSegments: 1))
            _ = try store.checkpoints()
        case .positions:
            let store = try opened()
            for lsn in store.firstLSN...store.writtenLSN {
                do throws(WalError) {
                    try store.check(store.position(of: lsn))
                } catch {
                    let isGone = [.truncated, .stalePosition, .notYetWritten].contains(error.code)
                    #expect(isGone && (scene.cut != nil || scene.first.after > scene.first.before), "\(note): \(error)")
                }
            }
        case .plan:
            // Readers take it twice; once alone it may be refused, and never for another reason than one that is passing.
            _ = try opened()
        case .salvage:
            var salvage = Salvage(storage: storage, directory: StoreHarness.directory)
            var lsns: [UInt64] = []
            try salvage.run { view in
                #expect(scene.events[view.lsn]?.contains(Array(view.payload)) == true, "\(note)")
                lsns.append(view.lsn)
                return true
            } hole: { error in
                Issue.record("\(note): \(error)")
                return true
            }
            #expect(lsns == lsns.sorted() && Set(lsns).count == lsns.count, "\(note)")
            if scene.first.after == scene.first.before { #expect(lsns.last ?? 0 >= scene.steady, "\(note): \(lsns)") }
        }
    }

    /// Runs the reader once; returns how many calls it made.
    private static func run(_ look: Look, _ scene: Scene, _ pace: Pace, _ note: String) throws -> Int {
        let disk = SimulatedDisk(atStartOf: scene.trace)
        let lock = try disk.backend.lock(StoreSample.path(FileNames.lock))
        let done = Mutex((steps: 0, isOn: false))
        let storage = HookedStorage(disk.backend) { call in
            done.withLock { done in
                guard done.isOn else { return }
                let steps = pace.steps(before: call, of: scene.trace.count)
                guard steps > done.steps else { return }
                do {
                    try disk.repeatEvents(done.steps..<steps, of: scene.trace)
                } catch {
                    Issue.record("\(note): the writer could not go on: \(error)")
                }
                done.steps = steps
            }
        }
        var store: LogStore?
        var offset = 0
        if ![.openAndVerify, .openAndRead, .salvage, .plan].contains(look) {
            var options = StoreHarness.smallSegments
            options.readOnly = true
            options.readAccess = look == .readMapped ? .mapped : .read
            store = try LogStore.open(
                StoreHarness.directory, options: options, environment: StoreHarness.environment(storage))
            offset = storage.count
        }
        done.withLock { $0.isOn = true }
        do {
            try Self.look(look, storage, store, scene, note)
        } catch {
            Issue.record("\(note): \(error)")
        }
        try store?.abandon()
        try lock.release()
        return storage.count - offset
    }

    @Test(arguments: Work.allCases)
    func `Whatever the writer does between two calls of a reader, the reader reports no damage`(_ work: Work) throws {
        let scene = try Self.scene(work)
        var random = SeededGenerator(seed: testSeed)
        for look in Look.allCases {
            let opening = try Self.callsOfOpening(look, scene)
            var calls = try Self.run(look, scene, .atOnce(.max), "\(work) \(look) undisturbed")
            var call = 0
            while call < calls {
                let at = opening + call
                let note = "\(work) during \(look), call \(call)"
                calls = max(calls, min(2 * calls, try Self.run(look, scene, .atOnce(at), note + " at once")))
                _ = try Self.run(look, scene, .stepwise(at), note + " stepwise")
                let steps = Int(random.next() % UInt64(scene.trace.count + 1))
                _ = try Self.run(look, scene, .stopped(at, steps: steps), note + " stopped after \(steps)")
                call += 1
            }
        }
    }

    /// The calls made before the reader is let loose.
    private static func callsOfOpening(_ look: Look, _ scene: Scene) throws -> Int {
        guard ![.openAndVerify, .openAndRead, .salvage, .plan].contains(look) else { return 0 }
        let disk = SimulatedDisk(atStartOf: scene.trace)
        let lock = try disk.backend.lock(StoreSample.path(FileNames.lock))
        defer { try? lock.release() }
        let storage = HookedStorage(disk.backend) { _ in }
        var options = StoreHarness.smallSegments
        options.readOnly = true
        try LogStore.open(StoreHarness.directory, options: options, environment: StoreHarness.environment(storage))
            .abandon()
        return storage.count
    }
}
