import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Found by crash exploration: truncations that meet a roll which the superblock has not heard of.
@Suite struct TruncationAtRollTests {
    private func openWithEvents(_ disk: SimulatedDisk) throws -> StoreHarness {
        let log = try StoreHarness(disk)
        for _ in 0..<3 { try log.append([[UInt8](repeating: 7, count: 100)]) }
        try log.store.sync()
        return log
    }

    /// The superblock named a first segment behind its own active one, which no open accepted.
    @Test func `A truncation of everything just after a roll leaves a log that opens`() throws {
        let disk = SimulatedDisk()
        let log = try openWithEvents(disk)
        #expect(try log.store.rotate())
        try log.store.truncate(before: 4)
        try log.store.abandon()
        let again = try StoreHarness(disk, seed: 2)
        #expect(again.store.firstLSN == 4 && again.store.writtenLSN == 3)
    }

    /// The new segment begins at the first LSN kept: recovery took the one before it, which it needs, for a left-over.
    @Test(arguments: [false, true])
    func `A roll just after a truncation of everything leaves a log that opens`(closesCleanly: Bool) throws {
        let disk = SimulatedDisk()
        let log = try openWithEvents(disk)
        try log.store.truncate(before: 4)
        #expect(try log.store.rotate())
        if closesCleanly { try log.store.closeCleanly() } else { try log.store.abandon() }
        for seed in 2..<5 {
            let again = try StoreHarness(disk, seed: UInt64(seed))
            #expect(again.store.firstLSN == 4)
            try again.append([[UInt8](repeating: 8, count: 100)])
            #expect(try again.contents().count == seed - 1)
            if seed % 2 == 0 { try again.store.abandon() } else { try again.store.closeCleanly() }
        }
    }

    /// The mark was there already, and nothing was looked at: retention reported a segment removed that stayed.
    @Test(arguments: [false, true])
    func `A segment kept because the next one was not settled goes with the next truncation`(isSettled: Bool) throws {
        let disk = SimulatedDisk()
        let log = try openWithEvents(disk)
        try log.store.truncate(before: 4)
        #expect(try log.store.rotate())
        if isSettled { try log.store.sync() }
        #expect(try log.store.segments().count == 2)
        let removed = try log.store.truncate(before: 4)
        #expect(removed.count == 1 && removed.allSatisfy { $0.hasSuffix(".seg") })
        #expect(try log.store.segments().count == 1)
        #expect(try log.store.truncate(before: 4).isEmpty)
        try log.append([[9]])
        try log.store.sync()
        try log.store.abandon()
        let again = try StoreHarness(disk, seed: 2)
        #expect(again.store.firstLSN == 4 && again.store.writtenLSN == 4)
    }

    /// The low mark is at the first LSN of the new segment, and the old one still there: whatever else goes, checkpoints lose
    /// nothing more by it, and the range of what they lose is empty.
    @Test(arguments: [false, true])
    func `Retention drops a segment that was kept below the low mark`(overridesCheckpoints: Bool) throws {
        let disk = SimulatedDisk()
        let log = try openWithEvents(disk)
        for (name, lsn) in [("first", 1), ("last", 3)] as [(String, UInt64)] {
            try log.store.setCheckpoint(name, at: try log.store.position(of: lsn), state: nil)
        }
        try log.store.truncate(before: 4)
        #expect(try log.store.rotate())
        #expect(try log.store.segments().count == 2)
        let policy = Retention(maxSegments: 1, overridesCheckpoints: overridesCheckpoints)
        let plan = try log.store.retentionPlan(policy)
        let report = try log.store.applyRetention(policy)
        #expect(plan == report)
        #expect(report.passed.isEmpty)
        #expect(report.firstLSN == 4)
        #expect(try log.store.segments().count == 1)
        try log.store.closeCleanly()
        let again = try StoreHarness(disk, seed: 2)
        #expect(again.store.firstLSN == 4 && again.store.writtenLSN == 3)
    }

    /// The same where the removal itself failed half-way.
    @Test func `Retention goes on where a truncation failed`() throws {
        for occurrence in 1...12 {
            let disk = SimulatedDisk()
            let plan = FaultPlan()
            let log = try StoreHarness(storage: FaultStorage(disk.backend, plan: plan))
            for _ in 0..<4 {
                try log.append([[UInt8](repeating: 7, count: 100)])
                #expect(try log.store.rotate())
            }
            try log.append([[8]])
            try log.store.sync()
            try log.store.setCheckpoint("a", at: try log.store.position(of: 1), state: nil)
            let policy = Retention(maxSegments: 1, overridesCheckpoints: true)
            plan.add(
                Fault(
                    operations: [.unlink, .syncDirectory, .write, .sync], occurrence: occurrence,
                    errno: ErrorNumber.noSpace))
            do { try log.store.truncate(before: 4) } catch {}
            plan.clear()
            do throws(WalError) {
                let report = try log.store.applyRetention(policy)
                for passed in report.passed { #expect(passed.lost.upperBound < report.firstLSN) }
            } catch {
                #expect(error.code == .failed)
            }
            _ = try? log.store.retentionPlan(policy)
            try log.store.abandon()
            let again = try StoreHarness(disk, seed: 2)
            _ = try again.store.applyRetention(policy)
            #expect(again.store.writtenLSN == 5)
        }
    }
}
