import SegmentStore
import Testing
import WalSimulation

/// What the explorer of a large product needs of the disk beyond its default rules.
@Suite("Rules of the simulated disk")
struct DiskRulesTests {
    @Test(arguments: DirectoryRules.allCases)
    func `A sync of a file makes its name durable by the lax rules only`(_ rules: DirectoryRules) throws {
        let disk = SimulatedDisk(directoryRules: rules)
        let earlier = try disk.backend.create("/earlier")
        let file = try disk.backend.create("/a.tmp")
        try file.write(filled(1, 600))
        try disk.backend.rename("/a.tmp", to: "/a")
        let later = try disk.backend.create("/later")
        try file.sync()
        let afterwards = disk.crash(.keepNone)
        // A journal keeps the order: what came before goes with it, what came after does not.
        #expect(afterwards.files() == (rules == .lax ? ["/a", "/earlier"] : []))
        #expect(afterwards.contents(of: "/a") == (rules == .lax ? filled(1, 600) : nil))
        // The rules go over to the disk after the crash.
        let next = try afterwards.backend.create("/b")
        try next.sync()
        #expect(afterwards.crash(.keepNone).files().contains("/b") == (rules == .lax))
        for open in [earlier, file, later, next] { try open.close() }
    }

    @Test func `On a disk that settles at once nothing is ever pending`() throws {
        let disk = SimulatedDisk()
        let file = try disk.backend.create("/a")
        try file.write(filled(1, 700))
        disk.settlesAtOnce = true
        try file.write(filled(2, 700), at: 300)
        try disk.backend.rename("/a", to: "/b")
        try disk.backend.create("/c").close()
        try disk.backend.unlink("/c")
        #expect(disk.crashCombinations == 1)
        let afterwards = disk.crash(.keepNone)
        #expect(afterwards.files() == ["/b"])
        #expect(afterwards.contents(of: "/b") == filled(1, 300) + filled(2, 700))
        // And once it no longer does, what was there is durable, and what comes is pending again.
        disk.settlesAtOnce = false
        try file.write(filled(3, 10))
        #expect(disk.crash(.keepNone).contents(of: "/b") == filled(1, 300) + filled(2, 700))
        #expect(disk.crashCombinations == 2)
    }

    @Test func `A snapshot tells which files are made, changed and removed`() throws {
        let disk = SimulatedDisk()
        for name in ["/a", "/b", "/c"] { disk.replaceContents(of: name, with: filled(7, 9000)) }
        let before = disk.snapshot()
        #expect(disk.snapshot().difference(from: before).isEmpty)
        let file = try disk.backend.open("/b", .readWrite)
        try file.write([8], at: 5000)
        try disk.backend.unlink("/c")
        try disk.backend.create("/d").close()
        #expect(disk.snapshot().difference(from: before) == ["/b", "/c", "/d"])
        // The same bytes again are no change.
        try file.write([7], at: 5000)
        #expect(disk.snapshot().difference(from: before) == ["/c", "/d"])
    }

    @Test func `Leaving out repeated states loses no disk`() throws {
        let disk = SimulatedDisk()
        disk.startRecording()
        let file = try disk.backend.create("/a")
        try file.write(filled(1, 1024))
        try file.sync()
        try disk.backend.syncDirectory("/")
        try file.write(filled(2, 512))
        disk.mark(.acknowledge(1))
        try file.write(filled(3, 512))
        let trace = try #require(disk.stopRecording())
        func disks(_ options: CrashExplorer.Options) throws -> (Set<DiskFingerprint>, CrashExplorer.Report) {
            var disks: Set<DiskFingerprint> = []
            let report = try CrashExplorer(trace, options: options).explore { disks.insert($0.disk.fingerprint()) }
            return (disks, report)
        }
        let (all, _) = try disks(.init(skipsCoveredPoints: false))
        let (few, report) = try disks(.init(skipsRepeatedStates: true))
        #expect(few == all)
        #expect(report.states == 9 && report.points == 2 && report.coveredPoints == 6)
    }

    @Test func `A lie of the device shows after the power has failed, and only then`() throws {
        let disk = SimulatedDisk()
        disk.startRecording()
        let file = try disk.backend.create("/a")
        try file.write(filled(1, 1024))
        try file.sync()
        try disk.backend.syncDirectory("/")
        #expect(try file.read(1024) == filled(1, 1024))
        let explorer = DeviceFaultExplorer(try #require(disk.stopRecording()))
        var found: Set<[UInt8]> = []
        for fault in try explorer.faults() {
            _ = try explorer.explore(fault) { state in
                if state.events == explorer.trace.count { found.insert(state.disk.contents(of: "/a") ?? []) }
            }
        }
        let (zeros, ones) = (filled(0, 512), filled(1, 512))
        // A lost sync keeps nothing, or all at the end after all; of two equal sectors the one or the other is lost.
        #expect(found.isSuperset(of: [[], zeros + ones, ones + zeros, ones + ones]))
    }
}
