import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Fails the n-th call of the disk for n = 1, 2, 3 … until a scenario runs without a fault (the loop is SQLite's).
@Suite struct FaultSweepTests {
    /// One way for a call to fail.
    private struct Kind: Sendable, CustomStringConvertible {
        var errno: CInt
        var isLasting: Bool
        var effect: Fault.Effect
        var description: String { "errno \(errno)\(isLasting ? " lasting" : "") \(effect)" }

        static let all: [Kind] = [ErrorNumber.io, ErrorNumber.noSpace].flatMap { errno in
            [false, true].flatMap { isLasting in
                [.nothing, .partOfWrite(byteCount: 700), .everything].map {
                    Kind(errno: errno, isLasting: isLasting, effect: $0)
                }
            }
        }
    }

    /// What a run knows of its log, whatever happened to it.
    private final class Ledger {
        /// Every event handed to the store, by LSN; an LSN may have been handed out again by a later life.
        var submitted: [UInt64: Set<[UInt8]>] = [:]
        var durableLSN: UInt64 = 0
        var firstLSN: UInt64 = 1
        var number: UInt64 = 0
        var store: LogStore?
        var options = StoreHarness.smallSegments

        func open(_ storage: any Storage) throws {
            store = try StoreHarness(storage: storage, options: options, seed: 7).store
        }

        func append(_ size: Int = 900) throws {
            guard let store else { return }
            number += 1
            let event = StoreSample.event(number, size: size)
            let wasFailed = store.failure != nil
            submitted[store.writtenLSN + 1, default: []].insert(event)
            try StoreHarness(store).append([event])
            #expect(!wasFailed, "a failed store took an event")
        }

        func sync() throws {
            guard let store else { return }
            let wasFailed = store.failure != nil
            try store.sync()
            #expect(!wasFailed, "a failed store acknowledged a sync")
            acknowledge()
        }

        func acknowledge() {
            guard let store else { return }
            durableLSN = max(durableLSN, store.durableLSN)
        }

        func truncate(before lsn: UInt64) throws {
            // From the call on it may happen, whatever it reports.
            firstLSN = max(firstLSN, lsn)
            try store?.truncate(before: lsn)
        }

        func maintain() throws {
            while try store?.performMaintenance() == true { acknowledge() }
            acknowledge()
        }
    }

    private struct Scenario: Sendable, CustomStringConvertible {
        var description: String
        var prepare: @Sendable () throws -> SimulatedDisk = { SimulatedDisk() }
        var durableLSN: UInt64 = 0
        var firstLSN: UInt64 = 1
        var recovery = RecoveryMode.strict
        var run: @Sendable (Ledger, any Storage) throws -> Void
    }

    private static let scenarios: [Scenario] = [
        Scenario(description: "create") { ledger, storage in try ledger.open(storage) },
        Scenario(description: "append and sync") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<4 {
                try ledger.append()
                try ledger.append(4000)
                try ledger.sync()
            }
        },
        Scenario(description: "roll without syncs") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<10 { try ledger.append(4000) }
            try ledger.sync()
        },
        Scenario(description: "roll more often than may wait") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<11 {
                try ledger.append(100)
                _ = try ledger.store?.rotate()
            }
            ledger.acknowledge()
        },
        Scenario(description: "seal") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<3 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
            }
            try ledger.store?.recordWatermark()
        },
        Scenario(description: "prewritten spares") { ledger, storage in
            ledger.options.preallocation = .prewritten
            try ledger.open(storage)
            for _ in 0..<2 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
            }
        },
        Scenario(description: "truncate") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<9 { try ledger.append(4000) }
            try ledger.truncate(before: 5)
            ledger.acknowledge()
            try ledger.append()
            try ledger.truncate(before: 10)
            ledger.acknowledge()
            try ledger.maintain()
        },
        Scenario(description: "compress") { ledger, storage in
            ledger.options.compression = .zstd(blockSize: 4096)
            try ledger.open(storage)
            for _ in 0..<2 {
                for _ in 0..<4 { try ledger.append(3500) }
                try ledger.maintain()
            }
            try ledger.append(100)
            try ledger.maintain()
        },
        Scenario(
            description: "compress on request", prepare: { try StoreSample(segments: 3, ending: .closed).disk },
            durableLSN: 9
        ) { ledger, storage in
            try ledger.open(storage)
            if let store = ledger.store {
                try StoreHarness(store).compress(.zstd(blockSize: 4096, dictionarySize: 1024))
            }
        },
        Scenario(
            description: "reopen with twins",
            prepare: {
                let sample = try CompressedSample(segments: 2, eventsEach: 12, size: 700)
                return sample.damaged { disk in
                    let raw = StoreSample.path(base: sample.bases[0])
                    disk.replaceContents(of: raw, with: sample.raw.contents(of: raw) ?? [])
                }
            }, durableLSN: 24
        ) { ledger, storage in
            try ledger.open(storage)
            try ledger.append()
            try ledger.sync()
        },
        Scenario(description: "close") { ledger, storage in
            try ledger.open(storage)
            for _ in 0..<5 { try ledger.append(4000) }
            try ledger.store?.closeCleanly()
            ledger.acknowledge()
        },
        Scenario(
            description: "reopen a clean log", prepare: { try StoreSample(segments: 3, ending: .closed).disk },
            durableLSN: 9
        ) { ledger, storage in
            try ledger.open(storage)
            try ledger.append()
            try ledger.sync()
            try ledger.maintain()
        },
        Scenario(
            description: "reopen after a power cut with a torn tail",
            prepare: {
                let disk = SimulatedDisk()
                let log = try StoreHarness(disk)
                for lsn in UInt64(1)...4 { try log.append([StoreSample.event(lsn, size: 2000)]) }
                try log.store.sync()
                for lsn in UInt64(5)...14 { try log.append([StoreSample.event(lsn, size: 2000)]) }
                let after = disk.crash(.keepAll)
                after.corrupt(StoreSample.path(base: 6), at: 4200, xor: 0xFF)
                return after
            }, durableLSN: 4
        ) { ledger, storage in
            try ledger.open(storage)
            try ledger.append()
            try ledger.sync()
            try ledger.maintain()
        },
        Scenario(
            description: "point-in-time recovery",
            prepare: {
                try StoreSample(segments: 4, ending: .closed).disk { disk in
                    disk.corrupt(StoreSample.path(base: 4), at: 4968, xor: 1)
                }
            }, durableLSN: 4, recovery: .pointInTime
        ) { ledger, storage in
            ledger.options.recovery = .pointInTime
            ledger.options.deepRecovery = true
            try ledger.open(storage)
            try ledger.append()
            try ledger.sync()
        },
    ]

    @Test(arguments: scenarios.indices)
    func afterAnyFailedCallTheStoreIsUsableOrFailedAndNothingAcknowledgedIsLost(index: Int) throws {
        let scenario = Self.scenarios[index]
        let original = try scenario.prepare()
        for kind in Kind.all {
            var occurrence = 1
            while try sweep(scenario, original, kind, occurrence) { occurrence += 1 }
            #expect(occurrence > 15, "the sweep of \"\(scenario)\" ended at once")
        }
    }

    /// Runs the scenario with one call failing; returns whether any did.
    private func sweep(_ scenario: Scenario, _ original: SimulatedDisk, _ kind: Kind, _ occurrence: Int) throws -> Bool
    {
        let note = "\(scenario), call \(occurrence), \(kind)"
        let disk = SimulatedDisk(startingFrom: original)
        let plan = FaultPlan()
        plan.add(
            Fault(occurrence: occurrence, isLasting: kind.isLasting, errno: kind.errno, effect: kind.effect))
        let storage = FaultStorage(disk.backend, plan: plan)
        let ledger = Ledger()
        ledger.durableLSN = scenario.durableLSN
        ledger.firstLSN = scenario.firstLSN
        var thrown: (any Error)?
        do { try scenario.run(ledger, storage) } catch { thrown = error }
        let hasFired = plan.firedCount > 0
        if !hasFired { #expect(thrown == nil, "\(note): \(String(describing: thrown))") }
        if let thrown { #expect(thrown is WalError, "\(note): \(thrown)") }
        plan.clear()
        if let store = ledger.store {
            try checkUsableOrFailed(store, ledger, thrown, note)
            try? store.abandon()
            ledger.store = nil
        }
        #expect(!(try disk.backend.isLocked("/log/LOCK")), "\(note): the lock is held")
        #expect(disk.openHandles == 0, "\(note): \(disk.openHandles) files are open")
        // The process goes on (everything written is seen), or the power goes as well.
        for choice in [CrashChoice.keepAll, .keepNone, .random] {
            let after = disk.crash(choice, seed: testSeed &+ UInt64(occurrence))
            try checkReopened(after, scenario, ledger, "\(note), then \(choice), WAL_SEED=\(testSeed)")
        }
        return hasFired
    }

    private func checkUsableOrFailed(_ store: LogStore, _ ledger: Ledger, _ thrown: (any Error)?, _ note: String) throws
    {
        if store.failure != nil {
            #expect(thrown != nil, "\(note): failed without telling")
            let durable = store.durableLSN
            for change: () throws -> Void in [
                { try ledger.append() }, { try ledger.sync() }, { _ = try store.rotate() },
                { _ = try store.performMaintenance() },
            ] {
                #expect { try change() } throws: { ($0 as? WalError)?.code == .failed }
            }
            #expect(store.durableLSN == durable, "\(note)")
            // Reading goes on.
            let outcome = ReadOutcome(store)
            #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
            return
        }
        if store.report.outcome == .inProgress { return }
        do {
            try ledger.append()
            try ledger.sync()
            try ledger.maintain()
        } catch WalError.Code.closed {
            return
        }
        let outcome = ReadOutcome(store)
        #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
        #expect(outcome.events.keys.max() == store.writtenLSN, "\(note)")
    }

    private func checkReopened(_ disk: SimulatedDisk, _ scenario: Scenario, _ ledger: Ledger, _ note: String) throws {
        let log = try StoreSample.open(disk, seed: 21) {
            $0.recovery = scenario.recovery
            $0.deepRecovery = scenario.recovery == .pointInTime
        }
        let outcome = ReadOutcome(log.store)
        #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
        #expect(log.store.firstLSN <= max(ledger.firstLSN, 1), "\(note)")
        for lsn in ledger.firstLSN..<max(ledger.firstLSN, ledger.durableLSN + 1) {
            #expect(outcome.events[lsn] != nil, "\(note): LSN \(lsn) is lost")
        }
        for (lsn, event) in outcome.events {
            guard let candidates = ledger.submitted[lsn] else { continue }
            let isOld = lsn <= scenario.durableLSN || event == StoreSample.event(lsn, size: event.count)
            #expect(candidates.contains(event) || isOld, "\(note): LSN \(lsn) has wrong bytes")
        }
        try log.append([[1, 2]])
        try log.maintain()
        try log.store.closeCleanly()
        #expect(disk.openHandles == 0, "\(note)")
        let leftovers = disk.files().filter { $0.hasSuffix(".tmp") }
        #expect(leftovers.isEmpty, "\(note): \(leftovers)")
    }
}
