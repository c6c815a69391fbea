import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Fails the n-th call of the disk for n = 1, 2, 3 … while checkpoints are saved and removed and retention runs.
@Suite struct CheckpointFaultTests {
    /// For each name the states that may be found: nil where there is none.
    private final class Ledger {
        var possible: [String: [[UInt8]?]] = ["a": [nil], "b": [nil]]
        var store: LogStore?

        func save(_ name: String, _ state: UInt8) throws {
            guard let store else { return }
            possible[name]?.append([state])
            try store.setCheckpoint(name, at: store.position(of: store.durableLSN), state: [state])
            possible[name] = [[state]]
        }

        func remove(_ name: String) throws {
            guard let store else { return }
            possible[name]?.append(nil)
            try store.removeCheckpoint(name)
            possible[name] = [nil]
        }
    }

    private func run(_ ledger: Ledger, _ storage: any Storage) throws {
        let log = try StoreHarness(storage: storage, options: StoreHarness.smallSegments, seed: 7)
        ledger.store = log.store
        var refusal: (any Error)?
        /// Errors concern their call alone: the run goes on.
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch { refusal = refusal ?? error }
        }
        for number in 1...3 as ClosedRange<UInt8> {
            try log.append([StoreSample.event(UInt64(number), size: 400)])
            try log.store.sync()
            attempt { try ledger.save("a", number) }
            if number > 1 { attempt { try ledger.save("b", number) } }
            _ = try log.store.rotate()
            try log.maintain()
        }
        attempt { try ledger.remove("b") }
        attempt { _ = try log.store.applyRetention(Retention(maxSegments: 1)) }
        attempt { try ledger.save("a", 9) }
        if let refusal { throw refusal }
    }

    @Test(arguments: FaultKind.all)
    func `After any failed call what was saved is there, and nothing is torn`(_ kind: FaultKind) throws {
        var occurrence = 1
        while try sweep(kind.fault(at: occurrence)) { occurrence += 1 }
        #expect(occurrence > 60 || kind.operations != nil)
    }

    private func sweep(_ fault: Fault) throws -> Bool {
        let disk = SimulatedDisk()
        let plan = FaultPlan()
        plan.add(fault)
        let ledger = Ledger()
        var thrown: (any Error)?
        do { try run(ledger, FaultStorage(disk.backend, plan: plan)) } catch { thrown = error }
        let hasFired = plan.firedCount > 0
        let note = "call \(fault.occurrence), \(fault.errno) \(fault.effect) \(fault.isLasting), WAL_SEED=\(testSeed)"
        if let thrown { #expect(thrown is WalError, "\(note): \(thrown)") }
        if !hasFired { #expect(thrown == nil, "\(note): \(String(describing: thrown))") }
        plan.clear()
        if let store = ledger.store {
            if store.failure == nil {
                // Usable: once the disk is well all works.
                try check(store, ledger, note)
                try checkHolds(store, note)
                try ledger.save("a", 50)
                #expect(try store.checkpoint("a").state == [50], "\(note)")
            }
            try? store.abandon()
        }
        #expect(disk.openHandles == 0, "\(note)")
        for choice in [CrashChoice.keepAll, .keepNone, .random] {
            let after = disk.crash(choice, seed: testSeed &+ UInt64(fault.occurrence))
            let store = try StoreSample.open(after, seed: 21).store
            try check(store, ledger, "\(note), then \(choice)")
            try store.abandon()
            #expect(!after.files().contains { $0.hasSuffix(".ckpt.tmp") }, "\(note), then \(choice)")
        }
        return hasFired
    }

    /// Nothing is held by a checkpoint that isn't there.
    private func checkHolds(_ store: LogStore, _ note: String) throws {
        let names = try store.checkpoints().map(\.name)
        let report = try store.applyRetention(Retention(maxSegments: 1))
        for item in report.held { #expect(names.contains { item.heldBy.contains($0) }, "\(note): \(item)") }
    }

    private func check(_ store: LogStore, _ ledger: Ledger, _ note: String) throws {
        for (name, possible) in ledger.possible {
            var state: [UInt8]?
            do throws(WalError) {
                let checkpoint = try store.checkpoint(name)
                state = checkpoint.state
                #expect(checkpoint.position.lsn.rawValue <= store.writtenLSN, "\(note): \(name)")
                // Nothing that it had not processed was dropped.
                #expect(
                    try store.resumePoint(of: checkpoint) == checkpoint.position.lsn.rawValue + 1, "\(note): \(name)")
            } catch {
                #expect(error.code == .unknownCheckpoint, "\(note): \(error)")
            }
            #expect(possible.contains(state), "\(note): \(name) is \(String(describing: state)), not of \(possible)")
        }
        #expect(try store.checkpoints().allSatisfy { $0.damage == nil }, "\(note)")
    }
}
