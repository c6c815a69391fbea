import SegmentStore
import Testing
import WalSimulation

@Suite struct PointInTimeTests {
    /// Files of the quarantine folder.
    private func quarantined(_ disk: SimulatedDisk) -> [String] {
        disk.files().filter { $0.hasPrefix("/log/quarantine/") }
    }

    /// Opens for repair and checks all that a repair promises.
    private func repair(
        _ disk: SimulatedDisk, keeping kept: [UInt64: [UInt8]], firstLSN: UInt64 = 1, side: RecoveryKeep? = nil,
        setsAside: Bool = true, _ note: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let epoch = try epoch(disk)
        let log = try StoreSample.open(disk) {
            $0.recovery = .pointInTime
            $0.deepRecovery = true
            $0.keep = side
        }
        let last = max(kept.keys.max() ?? 0, firstLSN - 1)
        let report = log.store.report
        #expect(report.outcome == .pointInTime, "\(note)", sourceLocation: sourceLocation)
        #expect(report.damage != nil, "\(note)", sourceLocation: sourceLocation)
        #expect(report.epoch > epoch, "\(note)", sourceLocation: sourceLocation)
        #expect(report.quarantined.isEmpty == !setsAside, "\(note)", sourceLocation: sourceLocation)
        #expect(!report.lost.isEmpty, "\(note)", sourceLocation: sourceLocation)
        for name in report.quarantined {
            #expect(
                disk.contents(of: "/log/quarantine/" + name)?.isEmpty == false, "\(note): \(name)",
                sourceLocation: sourceLocation)
        }
        #expect(try log.contents() == kept, "\(note)", sourceLocation: sourceLocation)
        #expect(log.store.firstLSN == firstLSN, "\(note)", sourceLocation: sourceLocation)
        #expect(log.store.writtenLSN == last, "\(note)", sourceLocation: sourceLocation)
        var expected = kept
        for number in 0..<20 {
            expected[last + UInt64(number) + 1] = StoreSample.event(UInt64(number), size: 1100)
            try log.append([StoreSample.event(UInt64(number), size: 1100)])
            if number % 5 == 0 { try log.maintain() }
        }
        #expect(try log.contents() == expected, "\(note)", sourceLocation: sourceLocation)
        try log.store.sync()
        #expect(try log.store.verify(progress: nil).findings.isEmpty, "\(note)", sourceLocation: sourceLocation)
        try log.store.abandon()
        let again = try StoreSample.open(disk, seed: 5)
        #expect(again.store.report.damage == nil, "\(note)", sourceLocation: sourceLocation)
        #expect(try again.contents() == expected, "\(note)", sourceLocation: sourceLocation)
        try again.store.closeCleanly()
        #expect(disk.openHandles == 0, "\(note)", sourceLocation: sourceLocation)
    }

    private func epoch(_ disk: SimulatedDisk) throws -> UInt32 {
        let bytes = try #require(disk.contents(of: "/log/LOG"))
        let slots = [0, 4096].map { offset in
            try? Superblock(Block(Array(bytes[offset..<offset + 4096])))
        }
        return slots.compactMap { $0?.epoch }.max() ?? 0
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func exactlyTheEventsBeforeTheDamageAreKeptAndAppendsGoOn(ending: StoreSample.Ending) throws {
        let sample = try StoreSample(segments: 4, ending: ending)
        for base in sample.bases {
            let path = StoreSample.path(base: base)
            // Damage in the header block, and in the body of each of the three frames (768 bytes each).
            for (offset, lost) in [(60, base), (4200, base), (4968, base + 1), (5736, base + 2)] {
                // Nothing vouches for the last commit of a log that was not closed, but for its header block.
                if ending == .synced, base == sample.bases.last, offset != 60 { continue }
                let disk = sample.disk { $0.corrupt(path, at: offset, xor: 0x20) }
                // Where nothing comes before it, the next segment becomes the first one.
                if lost == 1 {
                    try repair(
                        disk, keeping: sample.events.filter { $0.key > 3 }, firstLSN: 4, "base 1 offset \(offset)")
                } else {
                    try repair(disk, keeping: sample.events.filter { $0.key < lost }, "base \(base) offset \(offset)")
                }
                #expect(!quarantined(disk).isEmpty)
            }
        }
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func `With newer kept the log begins behind the damage, or is cut where nothing lies behind it`(
        ending: StoreSample.Ending
    ) throws {
        let sample = try StoreSample(segments: 4, ending: ending)
        for base in sample.bases {
            for offset in [60, 4200, 4968] {
                if ending == .synced, base == sample.bases.last, offset != 60 { continue }
                let disk = sample.disk { $0.corrupt(StoreSample.path(base: base), at: offset, xor: 0x20) }
                let note = "base \(base) offset \(offset)"
                if base == sample.bases.last {
                    let lost = offset == 4968 ? base + 1 : base
                    try repair(disk, keeping: sample.events.filter { $0.key < lost }, side: .newer, note)
                } else {
                    let kept = sample.events.filter { $0.key >= base + 3 }
                    try repair(disk, keeping: kept, firstLSN: base + 3, side: .newer, note)
                }
            }
        }
    }

    /// Bytes of segments that must be in quarantine after a repair.
    private func expectAside(_ sample: StoreSample, _ bases: [UInt64], _ disk: SimulatedDisk, _ note: String) {
        let kept = quarantined(disk).compactMap { disk.contents(of: $0) }
        for base in bases {
            #expect(kept.contains(sample.bytes(StoreSample.path(base: base))), "\(note): a segment is lost")
        }
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func `A segment missing in the middle is refused without a word which side is kept`(
        ending: StoreSample.Ending
    ) throws {
        let sample = try StoreSample(segments: 4, ending: ending)
        for base in sample.bases.dropFirst().dropLast() {
            let disk = try sample.without(StoreSample.path(base: base))
            let before = disk.fingerprint()
            for mode in [RecoveryMode.strict, .pointInTime] {
                let error = StoreSample.failureOfOpen(disk) { $0.recovery = mode }
                #expect(error?.code == .missingSegment && error?.path == StoreSample.path(base: base), "base \(base)")
                #expect(error?.lsns == LSN(base)...LSN(base + 2), "base \(base)")
                #expect(error?.message.contains("--keep") == true, "base \(base)")
            }
            #expect(disk.fingerprint() == before)
            let older = SimulatedDisk(startingFrom: disk)
            try repair(older, keeping: sample.events.filter { $0.key < base }, side: .older, "older, base \(base)")
            expectAside(sample, sample.bases.filter { $0 > base }, older, "older, base \(base)")
            let kept = sample.events.filter { $0.key > base + 2 }
            let newer = SimulatedDisk(startingFrom: disk)
            try repair(newer, keeping: kept, firstLSN: base + 3, side: .newer, "newer, base \(base)")
            expectAside(sample, sample.bases.filter { $0 < base }, newer, "newer, base \(base)")
        }
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func `Segments missing at the front move the low mark, and LSNs go on`(ending: StoreSample.Ending) throws {
        let sample = try StoreSample(segments: 4, ending: ending)
        for count in 1...3 {
            let disk = try sample.disk { disk in
                for base in sample.bases.prefix(count) { try disk.backend.unlink(StoreSample.path(base: base)) }
            }
            let first = sample.bases[count]
            let error = StoreSample.failureOfOpen(disk)
            #expect(error?.code == .missingSegment && error?.lsns?.lowerBound == 1, "\(count) missing")
            let note = "\(count) missing"
            for side in [RecoveryKeep?.none, .older, .newer] {
                let copy = SimulatedDisk(startingFrom: disk)
                let kept = sample.events.filter { $0.key >= first }
                try repair(copy, keeping: kept, firstLSN: first, side: side, setsAside: false, note)
            }
        }
    }

    @Test func `Where no segment is left the log goes on behind all that it had`() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let disk = try sample.disk { disk in
            for base in sample.bases { try disk.backend.unlink(StoreSample.path(base: base)) }
        }
        #expect(StoreSample.failureOfOpen(disk)?.code == .missingSegment)
        try repair(disk, keeping: [:], firstLSN: 10, setsAside: false, "all missing")
    }

    @Test func `Of several holes each is told, and the newest part is kept on request`() throws {
        let sample = try StoreSample(segments: 7, ending: .closed)
        let disk = try sample.disk { disk in
            for base in [UInt64(1), 7, 13] { try disk.backend.unlink(StoreSample.path(base: base)) }
        }
        let newer = SimulatedDisk(startingFrom: disk)
        try repair(newer, keeping: sample.events.filter { $0.key >= 16 }, firstLSN: 16, side: .newer, "newer")
        expectAside(sample, [4, 10], newer, "newer")
        let older = SimulatedDisk(startingFrom: disk)
        try repair(
            older, keeping: sample.events.filter { (4...6).contains($0.key) }, firstLSN: 4, side: .older, "older")
        expectAside(sample, [10, 16, 19], older, "older")
        let report = try LogStore.verify(
            "/log", options: StoreHarness.smallSegments, environment: StoreHarness.environment(disk), progress: nil)
        let missing = report.findings.filter { $0.error.code == .missingSegment }
        #expect(missing.map(\.error.lsns) == [7...9, 13...15, 1...3], "\(report.findings)")
        #expect(missing.map(\.error.path) == [7, 13, 1].map { StoreSample.path(base: $0) })
        #expect(report.findings.count == 3 && report.eventCount == 12, "\(report)")
    }

    @Test func damageBelowTheLowMarkDoesNotMoveTheLogBehindItsOwnStart() throws {
        let sample = try StoreSample(segments: 3, eventsEach: 6, ending: .synced)
        let disk = SimulatedDisk(startingFrom: sample.disk)
        let log = try StoreSample.open(disk)
        try log.store.truncate(before: 10)
        try log.store.closeCleanly()
        // Segment 7…12 holds the low mark, 10; frames of 768 bytes.
        for (offset, note) in [(60, "header"), (4096 + 3 * 768 + 70, "LSN 10")] {
            let copy = SimulatedDisk(startingFrom: disk)
            copy.corrupt(StoreSample.path(base: 7), at: offset, xor: 1)
            try repair(copy, keeping: sample.events.filter { $0.key > 12 }, firstLSN: 13, note)
        }
    }

    @Test func damageToEventsThatWereTruncatedAwayCostsNothing() throws {
        let sample = try StoreSample(segments: 3, eventsEach: 6, ending: .synced)
        let disk = SimulatedDisk(startingFrom: sample.disk)
        let log = try StoreSample.open(disk)
        try log.store.truncate(before: 10)
        try log.store.closeCleanly()
        let kept = sample.events.filter { $0.key >= 10 }
        // The bodies of LSN 7 and 8, in the segment 7…12 that holds the low mark.
        for offset in [4200, 4968] {
            let copy = SimulatedDisk(startingFrom: disk)
            copy.corrupt(StoreSample.path(base: 7), at: offset, xor: 1)
            let again = try StoreSample.open(copy) {
                $0.recovery = .pointInTime
                $0.deepRecovery = true
            }
            #expect(again.store.report.damage == nil && again.store.report.quarantined.isEmpty)
            #expect(try again.contents() == kept)
            let findings = try again.store.verify(progress: nil).findings
            #expect(findings.map(\.kind) == [.derivable], "it is told, but concerns no event")
            try again.store.abandon()
        }
    }

    @Test func damageInAnOldSegmentIsFoundByADeepPlanOnly() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let disk = sample.disk { $0.corrupt(StoreSample.path(base: 4), at: 4200, xor: 1) }
        let before = disk.fingerprint()
        var options = StoreHarness.smallSegments
        options.recovery = .pointInTime
        let environment = StoreHarness.environment(disk)
        let shallow = try LogStore.plan("/log", options: options, environment: environment)
        #expect(shallow.damage == nil && shallow.outcome == .clean)
        for deep in [
            try LogStore.plan("/log", options: options, environment: environment, deep: true),
            try {
                options.deepRecovery = true
                return try LogStore.plan("/log", options: options, environment: environment)
            }(),
        ] {
            #expect(deep.outcome == .pointInTime)
            #expect(deep.damage?.code == .corrupted)
            #expect(deep.damage?.path == StoreSample.path(base: 4))
            #expect(deep.damage?.lsns == 4...12)
            #expect(deep.end.lsn == 3)
        }
        #expect(disk.fingerprint() == before, "a plan changes nothing")
        // Without the option an open for repair takes the shallow view.
        options.deepRecovery = false
        let log = try StoreSample.open(disk) { $0.recovery = .pointInTime }
        #expect(log.store.writtenLSN == 12)
        try log.store.abandon()
    }

    @Test func aDeepRepairOfAHealthyLogChangesNoEvent() throws {
        for ending in [StoreSample.Ending.closed, .synced, .unsynced] {
            let sample = try StoreSample(segments: 4, ending: ending)
            let log = try StoreSample.open(sample.disk) {
                $0.recovery = .pointInTime
                $0.deepRecovery = true
            }
            #expect(log.store.report.damage == nil)
            #expect(log.store.report.quarantined.isEmpty)
            #expect(try log.contents() == sample.events)
            try log.append([[1]])
            try log.maintain()
            try log.store.closeCleanly()
            #expect(try StoreSample.open(sample.disk).contents().count == 13)
        }
    }

    /// A repair that is decided is finished by the next open, in any mode, wherever the power went.
    @Test func aRepairThatAPowerCutInterruptsIsFinishedByTheNextOpen() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        for (base, offset) in [(UInt64(1), 60), (4, 4968), (4, 60), (10, 4200)] {
            let damaged = sample.disk { $0.corrupt(StoreSample.path(base: base), at: offset, xor: 1) }
            let lost = offset == 60 || offset == 4200 ? base : base + 1
            // Where nothing comes before it, the next segment becomes the first one.
            let kept = sample.events.filter { lost == 1 ? $0.key > 3 : $0.key < lost }
            var occurrence = 1
            while true {
                let disk = SimulatedDisk(startingFrom: damaged)
                let plan = FaultPlan()
                plan.add(Fault(occurrence: occurrence, isLasting: true))
                let environment = StoreHarness.environment(FaultStorage(disk.backend, plan: plan))
                var options = StoreHarness.smallSegments
                options.recovery = .pointInTime
                options.deepRecovery = true
                let store = try? LogStore.open("/log", options: options, environment: environment)
                try? store?.abandon()
                if plan.firedCount == 0 { break }
                for choice in [CrashChoice.keepNone, .keepAll, .random] {
                    let note = "base \(base) offset \(offset) call \(occurrence) \(choice)"
                    let after = disk.crash(choice, seed: testSeed &+ UInt64(occurrence))
                    let decided = [0, 4096].contains { slot in
                        let bytes = Array((after.contents(of: "/log/LOG") ?? [])[slot..<slot + 4096])
                        return (try? Superblock(Block(bytes)))?.cutKind == .repair
                    }
                    let again = try StoreSample.open(after, seed: 3) {
                        guard !decided else { return }
                        $0.recovery = .pointInTime
                        $0.deepRecovery = true
                    }
                    #expect(try again.contents() == kept, "\(note) decided \(decided)")
                    try again.append([[1]])
                    try again.store.closeCleanly()
                    #expect(try StoreSample.open(after).contents().count == kept.count + 1, "\(note)")
                }
                occurrence += 1
            }
            #expect(occurrence > 20)
        }
    }
}
