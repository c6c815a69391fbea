import SegmentStore
import Testing
import WalSimulation

/// Moves the log's directory away before the n-th call of the disk, for n = 1, 2, 3 …, and puts another log in its place.
@Suite struct MovedSweepTests {
    @Test(arguments: FaultScenario.all)
    func `Whenever its directory is moved, a log goes on in it and never touches the log at its old path`(
        _ scenario: FaultScenario
    ) throws {
        let original = try scenario.prepare()
        let other = try StoreSample(segments: 4, ending: .synced).disk
        var call = 1
        while try sweep(scenario, original, other, call) { call += 1 }
        #expect(call > 5, "the sweep of \"\(scenario)\" ended at once")
    }

    private func sweep(
        _ scenario: FaultScenario, _ original: SimulatedDisk, _ other: SimulatedDisk, _ call: Int
    ) throws -> Bool {
        let note = "\(scenario), moved before call \(call)"
        let disk = SimulatedDisk(startingFrom: original)
        let storage = MovingStorage(disk, other: other, before: call)
        let ledger = FaultLedger(scenario)
        do {
            try scenario.run(ledger, storage)
        } catch let error as WalError {
            // All that a reader may say, when it looks for more.
            #expect(ledger.options.readOnly && error.code == .replaced, "\(note): \(error)")
        }
        if let store = ledger.store, !store.options.readOnly, scenario.description != "close" {
            try ledger.append()
            try ledger.sync()
            try ledger.maintain()
        }
        if let differences = storage.differencesOfOther() {
            #expect(differences.isEmpty, "\(note): \(differences) of the other log were touched")
        }
        ledger.abandon()
        if let differences = storage.differencesOfOther() {
            #expect(differences.isEmpty, "\(note): \(differences) of the other log were touched at the end")
        }
        storage.bringBack()
        #expect(disk.openHandles == 0, "\(note)")
        try FaultSweepTests().checkReopened(disk.crash(.keepAll), ledger, note)
        return storage.hasMoved
    }
}
