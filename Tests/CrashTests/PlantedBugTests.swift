import SegmentStore
import Testing
import WalSimulation

/// Shows that the exploration would notice: every planted bug is caught, and the text of its report shows it again.
@Suite("Planted bugs")
struct PlantedBugTests {
    /// The most states an exploration may need for one bug.
    static let statesMax = 60_000

    struct Planted: Sendable, CustomStringConvertible {
        var description: String
        var flaws: StoreFlaws
        var workloads: [Workload]

        init(_ description: String, _ flaws: StoreFlaws, in workloads: [Workload] = Workload.all) {
            self.description = description
            self.flaws = flaws
            self.workloads = workloads
        }
    }

    static let planted: [Planted] = [
        .init("acknowledgesBeforeSync", .acknowledgesBeforeSync),
        .init("skipsDirectorySyncOnRoll", .skipsDirectorySyncOnRoll),
        .init("skipsSyncOfRolledSegment", .skipsSyncOfRolledSegment),
        .init("skipsSyncOfNewSegment", .skipsSyncOfNewSegment),
        .init("sealsBeforeSettling", .sealsBeforeSettling),
        .init("stampsWrittenLSN", .stampsWrittenLSN),
        .init("recordsWrittenPosition", .recordsWrittenPosition),
        .init("closesWithoutSync", .closesWithoutSync),
        .init("skipsSyncOfSuperblock", .skipsSyncOfSuperblock),
        .init("unlinksBeforeLowMark", .unlinksBeforeLowMark),
        .init("truncatesWithoutSync", .truncatesWithoutSync),
        .init("createsWithoutDirectorySync", .createsWithoutDirectorySync),
        .init("ignoresBodyChecksum", .ignoresBodyChecksum),
        // A torn tail that stays is harmless while link and epoch are looked at.
        .init("leavesTornTail, ignoresLink, ignoresEpoch", [.leavesTornTail, .ignoresLink, .ignoresEpoch]),
        // Each of these three alone is covered by the other two: a stale frame behind a new one is rejected by its link,
        // which is the checksum of another frame, and by its epoch, which is lower; and no stale frame is left to come
        // back once the zeros over it are on stable storage. Without all three an earlier life's event comes back.
        .init(
            "skipsSyncOfErasedTail, ignoresLink, ignoresEpoch", [.skipsSyncOfErasedTail, .ignoresLink, .ignoresEpoch]),
        .init("skipsPadding", .skipsPadding, in: Workload.padding),
        .init("recordsRollBeforeNames", .recordsRollBeforeNames),
        .init("reusesGeneration", .reusesGeneration),
        .init("removesFirstSegmentKept", .removesFirstSegmentKept),
        .init("keepsTornSegments", .keepsTornSegments),
        .init("overwritesCheckpoint", .overwritesCheckpoint),
        .init("keepsEpoch", .keepsEpoch),
        .init("trustsSuccessor", .trustsSuccessor),
        .init("keepsLeftovers", .keepsLeftovers),
        .init("cutsWithoutStating", .cutsWithoutStating),
        .init("statesCutLate", .statesCutLate),
        .init("keepsEpochAtCut", .keepsEpochAtCut),
        .init("cutsWithoutSync", .cutsWithoutSync),
        .init("keepsWatermarkAboveCut", .keepsWatermarkAboveCut),
        .init("keepsSegmentsBehindCut", .keepsSegmentsBehindCut),
        .init("keepsTwinOfCutSegment", .keepsTwinOfCutSegment, in: Workload.compressing),
        // skipsReadBack and publishesRemovedSegment are shown by CompressionTests: the one takes a disk that spoils what it
        // writes, the other leaves a file that the next open removes.
        .init("unlinksRawBeforeDirectorySync", .unlinksRawBeforeDirectorySync, in: Workload.compressing),
        .init("renamesCompressedBeforeSync", .renamesCompressedBeforeSync, in: Workload.compressing),
        .init("checkpointsWithoutSync", .checkpointsWithoutSync),
        .init("checkpointsWithoutDirectorySync", .checkpointsWithoutDirectorySync),
        .init("checkpointsBeforeDurable", .checkpointsBeforeDurable),
        .init("makesCheckpointFolderWithoutSync", .makesCheckpointFolderWithoutSync),
        .init("removesCheckpointsWithoutSync", .removesCheckpointsWithoutSync),
        .init("dropsPastCheckpoints", .dropsPastCheckpoints),
    ]

    /// Explores with the workloads in turn, some seeds each, until a state breaks a rule.
    static func hunt(
        _ flaws: StoreFlaws, in workloads: [Workload] = Workload.all
    ) throws -> (report: CrashReport?, states: Int) {
        var states = 0
        for seed in UInt64(1)...16 {
            for workload in workloads {
                var exploration = Exploration(workload, seed: seed, flaws: flaws, budget: min(4000, statesMax - states))
                do {
                    try exploration.run()
                } catch let report as CrashReport {
                    return (report, states + exploration.total)
                }
                states += exploration.total
                if states >= statesMax { return (nil, states) }
            }
        }
        return (nil, states)
    }

    /// Recovery finds the events behind a superblock that says "closed in order", and counts the epochs of their frames: so no crash
    /// shows these two any more. What they break can be read in the file.
    @Test(arguments: [StoreFlaws(), .skipsRecordingEpoch, .keepsCleanFlag])
    func `Before the first append the superblock says that the log is open, and in which epoch`(
        _ flaws: StoreFlaws
    ) throws {
        let disk = SimulatedDisk()
        let options = Workload().options
        let first = try LogStore.open(
            logDirectory, options: options, environment: testEnvironment(disk.backend, seed: 1))
        try first.closeCleanly()
        let before = try #require(superblock(disk))
        let store = try LogStore.open(
            logDirectory, options: options, environment: testEnvironment(disk.backend, seed: 2, flaws: flaws))
        let after = try #require(superblock(disk))
        #expect(before.isClean)
        #expect((after.epoch > before.epoch) == !flaws.contains(.skipsRecordingEpoch))
        #expect(after.isClean == !flaws.isEmpty)
        try store.abandon()
    }

    private func superblock(_ disk: SimulatedDisk) -> Superblock? {
        guard let bytes = disk.contents(of: logDirectory + "/" + FileNames.superblock) else { return nil }
        return bytes.withUnsafeBytes { try? Superblock(Block(UnsafeRawBufferPointer(rebasing: $0[..<4096]))) }
    }

    @Test(arguments: planted)
    func `A planted bug is caught, and its text shows it again`(_ bug: Planted) throws {
        let (report, states) = try Self.hunt(bug.flaws, in: bug.workloads)
        print("\(bug): \(report.map { "caught at state \(states): \($0)" } ?? "survived \(states) states")")
        let caught = try #require(report, "\(bug) survived \(states) states")
        var (exploration, points) = try #require(Exploration.parse(caught.text))
        exploration.flaws = bug.flaws
        #expect(try exploration.replay(points)?.violation == caught.violation)
    }
}
