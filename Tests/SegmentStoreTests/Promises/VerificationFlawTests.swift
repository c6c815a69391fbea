import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Planted bugs of recovery that no power cut shows, each with the damage that does.
@Suite("Planted bugs shown by damage")
struct VerificationFlawTests {
    private func open(_ storage: any Storage, flaws: StoreFlaws, seed: UInt64 = 3) throws -> StoreHarness {
        var environment = StoreHarness.environment(storage, seed: seed)
        environment.flaws = flaws
        return StoreHarness(
            try LogStore.open(
                StoreHarness.directory, options: StoreHarness.smallSegments, environment: environment))
    }

    /// A log of single events, each on stable storage before the next, stopped without closing it.
    private func makeLog(_ disk: SimulatedDisk, last: Int = 90, flaws: StoreFlaws = []) throws -> LogStore {
        let log = try open(disk.backend, flaws: flaws, seed: 1)
        for lsn in UInt64(1)...6 {
            try log.append([StoreSample.event(lsn, size: lsn < 6 ? 90 : last)])
            try log.store.sync()
        }
        return log.store
    }

    @Test(arguments: [StoreFlaws(), .ignoresWatermarks])
    func `Only the watermarks tell damage from a torn tail`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        try makeLog(disk).abandon()
        disk.corrupt(StoreSample.path(base: 1), at: Layout.blockSize + 400, xor: 1)
        if flaws.isEmpty {
            #expect(refuses(.corrupted) { _ = try open(disk.backend, flaws: flaws) })
        } else {
            // Caught: durable events are cut off, and nobody is told.
            #expect(try open(disk.backend, flaws: flaws).store.writtenLSN < 5)
        }
    }

    @Test(arguments: [StoreFlaws(), .trustsShortRead])
    func `A file that ends before its own size is no end of the log`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        // Too much of what is left of the segment for two half reads.
        try makeLog(disk, last: 9000).abandon()
        var lost = 0
        for occurrence in 1... {
            let copy = SimulatedDisk(startingFrom: disk)
            let plan = FaultPlan()
            plan.add(
                Fault(
                    operations: [.read], pathContains: ".seg", occurrence: occurrence, isLasting: true,
                    effect: .halfOfRead))
            let found = try? open(FaultStorage(copy.backend, plan: plan), flaws: flaws).store.writtenLSN
            if plan.firedCount == 0 { break }
            if let found, found < 6 { lost += 1 }
        }
        #expect((lost > 0) != flaws.isEmpty)
    }

    /// A device that gives back, in a new file, what an old one held at the same place.
    @Test(arguments: [StoreFlaws(), .keepsSaltOfCutSegment])
    func `What was cut off does not come back with old sectors`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let log = try makeLog(disk, flaws: flaws)
        let path = StoreSample.path(base: 1)
        let before = try #require(disk.contents(of: path))
        try log.truncate(after: 3)
        try log.abandon()
        var after = try #require(disk.contents(of: path))
        let end = try #require(after.lastIndex { $0 != 0 }) / 8 * 8 + 8
        after.replaceSubrange(end..<after.count, with: before[end..<after.count])
        disk.replaceContents(of: path, with: after)
        #expect(try open(disk.backend, flaws: []).store.writtenLSN == (flaws.isEmpty ? 3 : 6))
    }
}
