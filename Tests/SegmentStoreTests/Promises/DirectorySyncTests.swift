import SegmentStore
import Testing
import WalSimulation

/// Promise 12: the directory is synced after create, rename and unlink. Only the simulated disk shows its absence.
@Suite("Promise 12: the directory is synced after create, rename and unlink")
struct DirectorySyncTests {
    /// A run through creation, rolls and truncation, with what must be there after a power cut at its end.
    private func run(_ disk: SimulatedDisk) throws -> (first: UInt64, durable: UInt64) {
        let log = try StoreHarness(disk)
        for lsn in UInt64(1)...20 { try log.append([StoreSample.event(lsn, size: 1500)]) }
        try log.store.sync()
        try log.store.truncate(before: 12)
        return (log.store.firstLSN, log.store.durableLSN)
    }

    @Test func whatWasAcknowledgedIsThereAfterAPowerCutThatKeepsNothingUnsynced() throws {
        let disk = SimulatedDisk()
        let (first, durable) = try run(disk)
        let after = disk.crash(.keepNone)
        let log = try StoreSample.open(after)
        #expect(log.store.firstLSN == first)
        #expect(try log.contents().keys.sorted() == Array(first...durable))
        let bases = after.files().compactMap { path -> UInt64? in
            FileNames.base(ofSegment: String(path.dropFirst("/log/".count)))
        }
        // The names that truncation removed stay removed: the unlink was synced.
        #expect(bases.filter { $0 < first }.count == 1)
    }

    @Test func aDiskThatIgnoresDirectorySyncsLosesEventsWhichShowsThatTheyMatter() throws {
        let disk = SimulatedDisk()
        disk.flaws.ignoresDirectorySync = true
        _ = try run(disk)
        let after = disk.crash(.keepNone)
        #expect((try? StoreSample.open(after).contents().count) != 9)
    }

    @Test func everyCreateRenameAndUnlinkIsFollowedByASyncOfItsDirectory() throws {
        let disk = SimulatedDisk()
        let spy = NameSpy(disk.backend)
        let counter = Atomic64()
        let environment = StoreEnvironment(
            storage: spy, now: { counter.next() }, random: { UInt64(bitPattern: counter.next()) })
        let store = try LogStore.open("/log", options: StoreHarness.smallSegments, environment: environment)
        #expect(spy.unsynced.filter { $0 != "/log/LOCK" } == [], "creation")
        let block = StagingBlock(capacity: 60_000)
        for lsn in UInt64(1)...20 {
            let isIn = StoreSample.event(lsn, size: 1500).withUnsafeBytes { block.append($0, lsn: lsn) }
            #expect(isIn)
            block.closeFrame()
        }
        try store.write(block)
        #expect(spy.unsynced.contains { $0.hasSuffix(".seg") }, "a roll syncs nothing by itself")
        try store.sync()
        #expect(!spy.unsynced.contains { $0.hasSuffix(".seg") }, "roll and sync")
        try store.truncate(before: 15)
        #expect(!spy.unsynced.contains { $0.hasSuffix(".seg") }, "truncation")
    }
}
