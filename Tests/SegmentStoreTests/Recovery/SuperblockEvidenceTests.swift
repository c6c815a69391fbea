import SegmentStore
import Testing
import WalSimulation

/// What a superblock says of the segments, held against them.
@Suite struct SuperblockEvidenceTests {
    private static let path = StoreSample.path(FileNames.superblock)

    private func superblock(_ disk: SimulatedDisk) throws -> Superblock {
        let bytes = try #require(disk.contents(of: Self.path))
        return try Superblock(Block(Array(bytes[0..<4096])))
    }

    /// A copy of a disk whose superblock says something else.
    private func disk(_ disk: SimulatedDisk, _ change: (inout Superblock) -> Void) throws -> SimulatedDisk {
        var superblock = try superblock(disk)
        change(&superblock)
        let block = superblock.encode().bytes
        let copy = SimulatedDisk(startingFrom: disk)
        copy.replaceContents(of: Self.path, with: block + block)
        return copy
    }

    /// What every way of looking at a log says of it.
    private func verdicts(_ disk: SimulatedDisk) throws -> (writer: WalError?, reader: WalError?, verify: VerifyReport)
    {
        let before = disk.fingerprint()
        let reader = StoreSample.failureOfOpen(disk) { $0.readOnly = true }
        let report = try LogStore.verify(
            "/log", options: StoreHarness.smallSegments, environment: StoreHarness.environment(disk), progress: nil)
        let writer = StoreSample.failureOfOpen(SimulatedDisk(startingFrom: disk))
        #expect(disk.fingerprint() == before)
        return (writer, reader, report)
    }

    @Test func `A clean superblock from before the newest events hides none of them`() throws {
        for (sizes, rolls) in [(900, false), (60, false), (900, true)] {
            let disk = SimulatedDisk()
            let first = try StoreHarness(disk)
            try first.append([StoreSample.event(1, size: sizes), StoreSample.event(2, size: sizes)])
            try first.store.closeCleanly()
            let old = try #require(disk.contents(of: Self.path))
            let second = try StoreHarness(disk, seed: 2)
            try second.append([StoreSample.event(3, size: sizes)])
            if rolls { _ = try second.store.rotate() }
            try second.append([StoreSample.event(4, size: sizes)])
            try second.store.closeCleanly()
            let third = try StoreHarness(disk, seed: 3)
            let events = try third.contents()
            try third.store.closeCleanly()
            let newest = try superblock(disk).epoch
            disk.replaceContents(of: Self.path, with: old)
            let (writer, reader, report) = try verdicts(disk)
            #expect(writer == nil && reader == nil && report.isIntact)
            #expect(report.eventCount == 4 && report.lastLSN == 4)
            #expect(report.findings.contains { $0.error.path == Self.path && $0.kind == .derivable })
            let log = try StoreSample.open(disk)
            #expect(log.store.report.outcome == .unclean && log.store.report.contradictions.count == 1)
            // Above every epoch that is found; that of the opening which wrote nothing is gone with its superblock.
            #expect(log.store.report.epoch >= newest)
            #expect(try log.contents() == events)
            try log.append([[5]])
            try log.store.closeCleanly()
            let again = try StoreSample.open(disk, seed: 7)
            #expect(again.store.report.outcome == .clean && again.store.report.contradictions.isEmpty)
            #expect(try again.contents() == events.merging([5: [5]]) { $1 })
        }
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func `A watermark that is the end of no frame is named, and nothing is cut there`(
        ending: StoreSample.Ending
    ) throws {
        let sample = try StoreSample(segments: 3, ending: ending)
        let synced = try StoreSample.open(sample.disk)
        try synced.store.sync()
        try synced.store.recordWatermark()
        if ending == .closed { try synced.store.closeCleanly() } else { try synced.store.abandon() }
        let end = try superblock(sample.disk).watermark.offset
        try #require(end == 4096 + 3 * 768)
        for offset in [end - 8, end - 768, end - 704, end - 64, end + 8, end + 4096, 4104] {
            let disk = try disk(sample.disk) { $0.watermark.offset = offset }
            let (writer, reader, report) = try verdicts(disk)
            let note = "offset \(offset) instead of \(end)"
            #expect(writer?.code == .corrupted && writer?.path == StoreSample.path(base: 7), "\(note)")
            #expect(writer?.offset == offset && reader == writer, "\(note)")
            #expect(report.findings.contains { $0.error == writer }, "\(note): \(report.findings)")
            #expect(report.eventCount == 9, "\(note)")
            // The segments are whole: a repair goes by them, and gives up nothing.
            let log = try StoreSample.open(disk) { $0.recovery = .pointInTime }
            #expect(log.store.report.lost.isEmpty && log.store.report.quarantined.isEmpty, "\(note)")
            #expect(try log.contents() == sample.events, "\(note)")
            try log.store.abandon()
            #expect(StoreSample.failureOfOpen(disk) == nil, "\(note)")
        }
        for change: (inout Mark) -> Void in [{ $0.link ^= 1 }, { $0.lsn -= 1 }] {
            let disk = try disk(sample.disk) { change(&$0.watermark) }
            #expect(StoreSample.failureOfOpen(disk)?.code == .corrupted)
        }
    }

    @Test func `Sequence numbers that contradict the segments are named`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        for (change, base): ((inout Superblock) -> Void, Int) in [
            ({ $0.activeSequence += 1 }, 10), ({ $0.activeSequence -= 1 }, 10), ({ $0.firstSequence += 1 }, 1),
        ] {
            let disk = try disk(sample.disk, change)
            let (writer, reader, report) = try verdicts(disk)
            #expect(writer?.code == .corrupted && writer?.path == Self.path, "\(String(describing: writer))")
            #expect(writer?.message.contains("LSN \(base) ") == true, "\(String(describing: writer))")
            #expect(reader == writer && report.findings.contains { $0.error == writer })
            let log = try StoreSample.open(disk) { $0.recovery = .pointInTime }
            #expect(try log.contents() == sample.events)
            #expect(log.store.report.quarantined.isEmpty)
            try log.append([[1]])
            try log.store.closeCleanly()
            #expect(StoreSample.failureOfOpen(disk) == nil)
        }
    }

    @Test func `A superblock from after a cut, with the segments from before it, is refused by all`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let cut = SimulatedDisk(startingFrom: sample.disk)
        let log = try StoreSample.open(cut)
        try log.store.truncate(after: 5)
        try log.store.closeCleanly()
        let disk = SimulatedDisk(startingFrom: sample.disk)
        disk.replaceContents(of: Self.path, with: try #require(cut.contents(of: Self.path)))
        let (writer, reader, report) = try verdicts(disk)
        #expect(writer?.code == .corrupted && reader == writer)
        #expect(!report.isIntact && report.findings.contains { $0.error == writer })
        #expect(report.eventCount == 12)
        let repaired = try StoreSample.open(disk) { $0.recovery = .pointInTime }
        #expect(repaired.store.report.damage == writer)
        #expect(try repaired.contents() == sample.events)
        try repaired.store.abandon()
        let again = try StoreSample.open(disk, seed: 4)
        #expect(again.store.report.damage == nil)
        #expect(try again.contents() == sample.events)
    }

    /// A repair, what it said it would do, and what verification says before.
    @Test func `A dry run says what the repair does`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let log = Self.path
        let damages: [(String, RecoveryKeep?, (SimulatedDisk) throws -> Void)] = [
            ("front", nil, { try $0.backend.unlink(StoreSample.path(base: 1)) }),
            ("middle", nil, { try $0.backend.unlink(StoreSample.path(base: 4)) }),
            ("older", .older, { try $0.backend.unlink(StoreSample.path(base: 4)) }),
            ("newer", .newer, { try $0.backend.unlink(StoreSample.path(base: 7)) }),
            ("end", nil, { try $0.backend.unlink(StoreSample.path(base: 10)) }),
            ("no LOG", nil, { try $0.backend.unlink(log) }),
            (
                "no LOG, a segment missing", .newer,
                {
                    try $0.backend.unlink(log)
                    try $0.backend.unlink(StoreSample.path(base: 4))
                }
            ),
            ("first header", nil, { $0.corrupt(StoreSample.path(base: 1), at: 60, xor: 1) }),
            ("last header", nil, { $0.corrupt(StoreSample.path(base: 10), at: 60, xor: 1) }),
            ("frame", nil, { $0.corrupt(StoreSample.path(base: 4), at: 4968, xor: 1) }),
            ("nothing", nil, { _ in }),
        ]
        for (note, keep, damage) in damages {
            let disk = try sample.disk(damage)
            let options: (inout StoreOptions) -> Void = {
                $0.recovery = .pointInTime
                $0.deepRecovery = true
                $0.keep = keep
            }
            let before = disk.fingerprint()
            let planned = Result {
                try StoreSample.open(disk) {
                    options(&$0)
                    $0.readOnly = true
                }.store
            }
            #expect(disk.fingerprint() == before, "\(note)")
            let report = try LogStore.verify(
                "/log", options: StoreHarness.smallSegments, environment: StoreHarness.environment(disk), progress: nil)
            #expect(report.isIntact == (note == "nothing"), "\(note): \(report.findings)")
            let done = Result { try StoreSample.open(SimulatedDisk(startingFrom: disk), options).store }
            switch (planned, done) {
            case (.success(let plan), .success(let store)):
                var (left, right) = (plan.report, store.report)
                let (leftVerified, rightVerified) = (
                    try plan.verify(progress: nil), try store.verify(progress: nil)
                )
                let isLeft = { (finding: VerifyReport.Finding) in
                    finding.kind == .corruption && finding.error != plan.report.damage
                }
                #expect(
                    leftVerified.findings.filter(isLeft) == rightVerified.findings.filter(isLeft), "\(note)")
                // What only a repair has, or makes.
                (left.quarantined, right.quarantined) = ([], [])
                (left.epoch, right.epoch) = (0, 0)
                (left.durableLSN, right.durableLSN) = (0, 0)
                // A repair gives no advice to repair.
                #expect(left.damage?.message.hasPrefix(right.damage?.message ?? "") ?? true, "\(note)")
                left.damage?.message = ""
                right.damage?.message = ""
                #expect(left == right, "\(note)")
                #expect(ReadOutcome(plan).events == ReadOutcome(store).events, "\(note)")
            case (.failure(let plan as WalError), .failure(let store as WalError)):
                #expect(note == "middle" && plan == store, "\(note)")
            default: Issue.record("\(note): the dry run gives \(planned), the repair \(done)")
            }
        }
    }

    @Test func `Verification goes on behind damage and reports only the events that are gone`() throws {
        let sample = try StoreSample(segments: 5, ending: .closed)
        let disk = try sample.disk { disk in
            // A body in the second segment, the third one's file, and the header of the fourth.
            disk.corrupt(StoreSample.path(base: 4), at: 4968, xor: 1)
            try disk.backend.unlink(StoreSample.path(base: 7))
            disk.corrupt(StoreSample.path(base: 10), at: 60, xor: 1)
        }
        let report = try LogStore.verify(
            "/log", options: StoreHarness.smallSegments, environment: StoreHarness.environment(disk), progress: nil)
        let found = report.findings.filter { $0.kind == .corruption }.map { ($0.error.code, $0.error.lsns) }
        #expect(found.map(\.0) == [.corrupted, .missingSegment, .corrupted], "\(report.findings)")
        #expect(found.map(\.1) == [5...5, 7...9, 10...12], "\(report.findings)")
        #expect(report.eventCount == 3 + 2 + 3 && report.lastLSN == 15)
    }

    @Test func `Verification always comes to a report where a log is there`() throws {
        let sample = try StoreSample(segments: 2, ending: .closed)
        let disk = try sample.disk { disk in
            try disk.backend.unlink(Self.path)
            for base in sample.bases { disk.corrupt(StoreSample.path(base: base), at: 60, xor: 1) }
        }
        let report = try LogStore.verify(
            "/log", options: StoreHarness.smallSegments, environment: StoreHarness.environment(disk), progress: nil)
        #expect(!report.isIntact && !report.findings.isEmpty)
    }
}
