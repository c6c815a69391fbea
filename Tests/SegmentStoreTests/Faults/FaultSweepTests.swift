import Foundation
import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Fails the n-th call of the disk for n = 1, 2, 3 … until a scenario runs without a fault (the loop is SQLite's).
@Suite struct FaultSweepTests {
    @Test(arguments: FaultScenario.all)
    func `After any failed call the store is usable or failed, and nothing acknowledged is lost`(
        _ scenario: FaultScenario
    ) throws {
        let original = try scenario.prepare()
        var runs = 0
        for kind in FaultKind.all {
            var occurrence = 1
            while try sweep(scenario, original, kind, occurrence) { occurrence += 1 }
            #expect(occurrence > 10 || kind.operations != nil, "the sweep of \"\(scenario)\" ended at once")
            runs += occurrence - 1
        }
        print("fault sweep, \(scenario): \(runs) runs")
    }

    /// Runs the scenario with one call failing; returns whether any did.
    private func sweep(
        _ scenario: FaultScenario, _ original: SimulatedDisk, _ kind: FaultKind, _ occurrence: Int
    ) throws -> Bool {
        let note = "\(scenario), call \(occurrence), \(kind)"
        let disk = SimulatedDisk(startingFrom: original)
        let plan = FaultPlan()
        plan.add(kind.fault(at: occurrence))
        let ledger = FaultLedger(scenario)
        var thrown: (any Error)?
        do { try scenario.run(ledger, FaultStorage(disk.backend, plan: plan)) } catch { thrown = error }
        let hasFired = plan.firedCount > 0
        if !hasFired { #expect(thrown == nil, "\(note): \(String(describing: thrown))") }
        if let thrown { #expect(thrown is WalError, "\(note): \(thrown)") }
        plan.clear()
        if kind.isRefusal { #expect(ledger.store?.failure == nil, "\(note): \(String(describing: thrown))") }
        try checkUsableOrFailed(ledger, thrown, note)
        ledger.abandon()
        #expect(!(try disk.backend.isLocked("/log/LOCK")), "\(note): the lock is held")
        #expect(disk.openHandles == 0, "\(note): \(disk.openHandles) files are open")
        // The process goes on (everything written is seen), or the power goes as well.
        let choices = [CrashChoice.keepAll, .keepNone, .random]
        for choice in kind.errno == ErrorNumber.io ? choices : [choices[occurrence % choices.count]] {
            let after = disk.crash(choice, seed: testSeed &+ UInt64(occurrence))
            try checkReopened(after, ledger, "\(note), then \(choice), WAL_SEED=\(testSeed)")
        }
        return hasFired
    }

    private func checkUsableOrFailed(_ ledger: FaultLedger, _ thrown: (any Error)?, _ note: String) throws {
        guard let store = ledger.store else { return }
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
        if !store.options.readOnly {
            do {
                try store.finishCut()
                try store.removeLeftovers()
                #expect(store.leftoverCount == 0, "\(note)")
                try ledger.append()
                try ledger.sync()
                try ledger.maintain()
            } catch WalError.Code.closed {
                return
            }
        }
        let outcome = ReadOutcome(store)
        #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
        #expect(outcome.events.keys.max() == store.writtenLSN, "\(note)")
    }

    func checkReopened(_ disk: SimulatedDisk, _ ledger: FaultLedger, _ note: String) throws {
        let recovery = ledger.scenario.recovery
        let log = try StoreSample.open(disk, seed: 21) {
            $0.recovery = recovery
            $0.deepRecovery = recovery == .pointInTime
        }
        let outcome = ReadOutcome(log.store)
        #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
        #expect((ledger.lowestFirstLSN...ledger.firstLSN).contains(log.store.firstLSN), "\(note)")
        for lsn in ledger.firstLSN..<max(ledger.firstLSN, min(ledger.durableLSN, ledger.cut) + 1) {
            #expect(outcome.events[lsn] != nil, "\(note): LSN \(lsn) is lost")
        }
        for (lsn, event) in outcome.events {
            #expect(ledger.knows(lsn, event), "\(note): LSN \(lsn) has wrong bytes")
        }
        try log.append([[1, 2]])
        try log.maintain()
        try log.store.closeCleanly()
        #expect(disk.openHandles == 0, "\(note)")
        let leftovers = disk.files().filter { $0.hasSuffix(".tmp") && $0.hasPrefix("/log/") }
        #expect(leftovers.isEmpty, "\(note): \(leftovers)")
    }
}
