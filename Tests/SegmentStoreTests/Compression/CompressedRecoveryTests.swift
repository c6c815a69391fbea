import SegmentStore
import Testing
import WalSimulation

@Suite struct CompressedRecoveryTests {
    private func twins(_ sample: CompressedSample, _ damage: (SimulatedDisk) -> Void = { _ in }) -> SimulatedDisk {
        sample.damaged { disk in
            let raw = StoreSample.path(base: sample.bases[1])
            disk.replaceContents(of: raw, with: sample.raw.contents(of: raw) ?? [])
            damage(disk)
        }
    }

    private func names(_ disk: SimulatedDisk, _ base: UInt64) -> [String] {
        disk.files().filter { $0.contains(FileNames.segment(base: base)) }.sorted()
    }

    @Test func `Of two whole twins the raw one stays`() throws {
        let sample = try CompressedSample()
        let disk = twins(sample)
        let reading = try StoreSample.open(disk) { $0.readOnly = true }
        #expect(try reading.contents() == sample.events)
        #expect(names(disk, sample.bases[1]).count == 2)
        let log = try StoreSample.open(disk)
        #expect(try log.contents() == sample.events)
        #expect(names(disk, sample.bases[1]) == [StoreSample.path(base: sample.bases[1])])
        try log.store.closeCleanly()
    }

    @Test func `A raw twin that is not whole gives way to a compressed one that is`() throws {
        let sample = try CompressedSample()
        let raw = StoreSample.path(base: sample.bases[1])
        for offset in [100, 5000, 8000] {
            let disk = twins(sample) { $0.corrupt(raw, at: offset, xor: 1) }
            let log = try StoreSample.open(disk)
            #expect(try log.contents() == sample.events)
            #expect(names(disk, sample.bases[1]) == [CompressedSample.path(base: sample.bases[1])])
        }
    }

    @Test func `Where neither twin is whole both stay`() throws {
        let sample = try CompressedSample()
        let base = sample.bases[1]
        let disk = twins(sample) {
            $0.corrupt(StoreSample.path(base: base), at: 5000, xor: 1)
            $0.corrupt(CompressedSample.path(base: base), at: 700, xor: 1)
        }
        let log = try StoreSample.open(disk)
        #expect(names(disk, base).count == 2)
        #expect(ReadOutcome(log.store).error?.code == .corrupted)
    }

    @Test func `Unfinished compressed files are removed at open`() throws {
        let sample = try CompressedSample()
        let path = CompressedSample.path(base: sample.bases[1]) + ".tmp"
        let disk = sample.damaged { $0.replaceContents(of: path, with: [1, 2, 3]) }
        let log = try StoreSample.open(disk)
        #expect(disk.contents(of: path) == nil)
        #expect(try log.contents() == sample.events)
    }

    @Test func `A repair cuts in the middle of a compressed segment, which becomes a raw one`() throws {
        let sample = try CompressedSample()
        let base = sample.bases[1]
        let block = try sample.table(base: base).blocks[2]
        let disk = sample.damaged {
            $0.corrupt(CompressedSample.path(base: base), at: Int(block.file.lowerBound) + 60, xor: 9)
        }
        let log = try StoreSample.open(disk) {
            $0.recovery = .pointInTime
            $0.deepRecovery = true
        }
        let first = try #require(log.store.report.damage?.lsns?.lowerBound.rawValue)
        #expect(try log.contents() == sample.events.filter { $0.key < first })
        #expect(names(disk, base).contains(StoreSample.path(base: base)))
        try log.append([StoreSample.event(1, size: 400)])
        try log.maintain()
        #expect(try log.store.verify(progress: nil).findings.isEmpty)
        try log.store.closeCleanly()
        #expect(try StoreSample.open(disk).contents().count == Int(first))
        #expect(disk.files().contains { $0.contains("quarantine") && $0.contains(".zst") })
    }

    @Test func `A lost superblock is rebuilt also where the newest segment is a compressed one`() throws {
        let sample = try CompressedSample()
        let active = StoreSample.path(base: UInt64(sample.events.count))
        let disk = try sample.damaged { disk in
            disk.replaceContents(of: "/log/LOG", with: [UInt8](repeating: 0, count: 8192))
            try disk.backend.unlink(active)
        }
        #expect(StoreSample.failureOfOpen(disk)?.code == .corrupted)
        let log = try StoreSample.open(disk) { $0.recovery = .pointInTime }
        #expect(try log.contents() == sample.events.filter { $0.key < UInt64(sample.events.count) })
        try log.append([[7]])
        try log.maintain()
        try log.store.closeCleanly()
        #expect(try StoreSample.open(disk).contents().count == sample.events.count)
    }

    @Test func `Deep recovery reads compressed segments, also one damaged where its events were truncated away`() throws
    {
        let sample = try CompressedSample()
        let log = try StoreSample.open(SimulatedDisk(startingFrom: sample.disk)) { $0.deepRecovery = true }
        #expect(try log.contents() == sample.events)
        let block = try sample.table(base: 1).blocks[1]
        let disk = SimulatedDisk(startingFrom: sample.disk)
        let cutting = try StoreSample.open(disk)
        try cutting.store.truncate(before: 31)
        try cutting.store.closeCleanly()
        disk.corrupt(CompressedSample.path(base: 1), at: Int(block.file.lowerBound) + 50, xor: 9)
        let again = try StoreSample.open(disk) { $0.deepRecovery = true }
        #expect(try again.contents() == sample.events.filter { $0.key >= 31 })
    }
}
