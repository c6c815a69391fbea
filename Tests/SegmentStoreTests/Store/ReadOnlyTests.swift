import SegmentStore
import Testing
import WalSimulation

@Suite struct ReadOnlyTests {
    /// Opens read-only beside the writer and reads all: never an error, never a wrong byte, never less than what is durable.
    private func look(_ disk: SimulatedDisk, _ log: StoreHarness, _ events: [UInt64: [UInt8]], _ note: String) throws {
        let before = disk.fingerprint()
        let reading = try StoreSample.open(disk) {
            $0.readOnly = true
            $0.readAccess = .read
        }
        let outcome = ReadOutcome(reading.store)
        #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
        #expect(reading.store.firstLSN == log.store.firstLSN, "\(note)")
        let expected = events.filter { $0.key >= log.store.firstLSN && $0.key <= log.store.writtenLSN }
        #expect(outcome.events == expected, "\(note)")
        #expect(reading.store.durableLSN <= log.store.durableLSN, "\(note)")
        let report = try reading.store.verify(progress: nil)
        #expect(report.isIntact, "\(note): \(report.findings)")
        #expect(!report.findings.contains { $0.kind == .tornTail }, "\(note)")
        try reading.store.abandon()
        #expect(disk.fingerprint() == before, "\(note)")
    }

    @Test func aReaderBesideALiveWriterSeesAWholeLogAtEveryMoment() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        var events: [UInt64: [UInt8]] = [:]
        var generator = SeededGenerator(seed: testSeed)
        for step in 0..<300 {
            let choice = generator.next() % 10
            switch choice {
            case 0...4:
                var group: [[UInt8]] = []
                for _ in 0...generator.next() % 4 {
                    let lsn = log.store.writtenLSN + UInt64(group.count) + 1
                    group.append(StoreSample.event(lsn, size: Int(generator.next() % 1500)))
                    events[lsn] = group.last
                }
                try log.append(group)
            case 5: try log.store.sync()
            case 6: _ = try log.store.rotate()
            case 7: _ = try log.store.performMaintenance()
            case 8: try log.store.recordWatermark()
            default:
                if step % 3 == 0 {
                    let span = log.store.writtenLSN + 1 - log.store.firstLSN
                    try log.store.truncate(before: log.store.firstLSN + generator.next() % (span + 1))
                }
            }
            try look(disk, log, events, "WAL_SEED=\(testSeed) step \(step) choice \(choice)")
        }
        try log.store.closeCleanly()
    }

    @Test func tornBytesBesideALiveLockAreInProgressAndWithoutOneATornTail() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        try log.append([StoreSample.event(1, size: 300)])
        try log.store.sync()
        let end = try #require(try log.store.segments().last?.usedBytes)
        let path = StoreSample.path(base: 1)
        // The first bytes of a frame that is just being written.
        try disk.backend.open(path, .readWrite).write(at: end, [UInt8](repeating: 0x5F, count: 40))
        let live = try StoreSample.open(disk) { $0.readOnly = true }
        #expect(live.store.report.outcome == .inProgress)
        #expect(try live.contents().count == 1)
        #expect(try live.store.verify(progress: nil).findings.map(\.kind) == [.inProgress])
        let dead = try StoreSample.open(SimulatedDisk(startingFrom: disk)) { $0.readOnly = true }
        #expect(dead.store.report.outcome == .tornTail)
        #expect(try dead.contents().count == 1)
        #expect(try dead.store.verify(progress: nil).findings.map(\.kind) == [.tornTail])
        #expect(try dead.store.verify(progress: nil).isIntact)
    }

    @Test func aReadOnlyStoreRefusesEveryChange() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let before = sample.disk.fingerprint()
        let log = try StoreSample.open(sample.disk) { $0.readOnly = true }
        for change: () throws -> Void in [
            { try log.append([[1]]) }, { _ = try log.store.rotate() }, { try log.store.sync() },
            { _ = try log.store.performMaintenance() }, { try log.store.truncate(before: 3) },
            { try log.store.recordWatermark() },
        ] {
            #expect { try change() } throws: { ($0 as? WalError)?.code == .readOnly }
        }
        try log.store.closeCleanly()
        try log.store.closeCleanly()
        #expect(sample.disk.fingerprint() == before)
        #expect(sample.disk.openHandles == 0)
    }

    @Test func aReadOnlyStoreFollowsWhatTheWriterDoes() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        let reading = try StoreSample.open(disk) { $0.readOnly = true }
        #expect(try reading.contents().isEmpty)
        for lsn in UInt64(1)...30 {
            try log.append([StoreSample.event(lsn, size: 1000)])
            if lsn % 7 == 0 { try log.maintain() }
            #expect(try reading.store.refresh())
            #expect(!(try reading.store.refresh()))
            #expect(reading.store.writtenLSN == lsn)
            #expect(try reading.contents() == log.contents())
        }
    }
}
