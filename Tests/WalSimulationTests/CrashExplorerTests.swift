import SegmentStore
import Testing
import WalPlatform
import WalSimulation

@Suite("The crash explorer")
struct CrashExplorerTests {
    /// What a recording of `body` on a disk with these files holds.
    private func record(
        on disk: SimulatedDisk = SimulatedDisk(), after marks: ArraySlice<TraceMark> = [],
        _ body: (SimulatedDisk) throws -> Void
    ) throws -> DiskTrace {
        disk.startRecording(after: marks)
        try body(disk)
        return try #require(disk.stopRecording())
    }

    private func toyTrace(
        _ bug: ToyLog.Bug = .none, records: Int = 20, on disk: SimulatedDisk = SimulatedDisk(),
        after marks: ArraySlice<TraceMark> = []
    ) throws -> DiskTrace {
        try record(on: disk, after: marks) { disk in
            var log = try ToyLog(disk, bug: bug)
            for _ in 0..<records { try log.append() }
        }
    }

    @Test func `A small trace has exactly the states it should`() throws {
        let trace = try record { disk in
            let file = try disk.backend.create("/a")  // a name: 2
            try file.write(filled(1, 1024))  // without the name 1, short 1, long 2 x 2: 6
            try file.sync()  // 2
            try disk.backend.syncDirectory("/")  // 1
            try file.write(filled(2, 512))  // 2
            disk.mark(.acknowledge(1))  // the same 2 again
            try file.write(filled(3, 512))  // 3
        }
        var perPoint: [Int: Int] = [:]
        let all = try CrashExplorer(trace, options: .init(skipsCoveredPoints: false)).explore {
            perPoint[$0.point.events, default: 0] += 1
        }
        #expect(perPoint == [0: 1, 1: 2, 2: 6, 3: 2, 4: 1, 5: 2, 6: 2, 7: 3])
        #expect(all.states == 19 && all.points == 8 && all.exhaustivePoints == 8 && all.coveredPoints == 0)

        perPoint = [:]
        let few = try CrashExplorer(trace).explore { perPoint[$0.point.events, default: 0] += 1 }
        #expect(perPoint == [2: 6, 3: 2, 5: 2, 7: 3])
        #expect(few.coveredPoints == 4)
    }

    @Test func `No two states of an exhausted point are the same disk`() throws {
        let trace = try toyTrace(records: 9)
        var seen: [Int: Set<DiskFingerprint>] = [:]
        let report = try CrashExplorer(trace, options: .init(statesPerPoint: 1 << 14)).explore {
            #expect(seen[$0.point.events, default: []].insert($0.disk.fingerprint()).inserted)
        }
        #expect(report.points == report.exhaustivePoints)
    }

    @Test func `Skipping covered points loses no state`() throws {
        let trace = try toyTrace(records: 10)
        struct Seen: Hashable {
            var disk: DiskFingerprint
            var marks: [TraceMark]
        }
        var seen: [Set<Seen>] = []
        for skips in [false, true] {
            var states: Set<Seen> = []
            let options = CrashExplorer.Options(statesPerPoint: 1 << 14, skipsCoveredPoints: skips)
            _ = try CrashExplorer(trace, options: options).explore {
                states.insert(Seen(disk: $0.disk.fingerprint(), marks: Array($0.marks)))
            }
            seen.append(states)
        }
        #expect(seen[0] == seen[1])
    }

    @Test func `A disk is visited again only after another promise, and none is left out for good`() throws {
        struct Seen: Hashable {
            var disk: DiskFingerprint
            var promises: [TraceMark]

            init(_ state: CrashExplorer.State) {
                disk = state.disk.fingerprint()
                promises = state.marks.filter { !$0.isPermission }
            }
        }
        let first = try toyTrace(records: 10)
        let crashed = try CrashExplorer(first).replay("\(first.count):none").disk
        let second = try toyTrace(records: 10, on: SimulatedDisk(startingFrom: crashed))
        for (base, trace) in [(SimulatedDisk().fingerprint(), first), (crashed.fingerprint(), second)] {
            var all: Set<Seen> = []
            let options = CrashExplorer.Options(statesPerPoint: 1 << 14, skipsCoveredPoints: false)
            _ = try CrashExplorer(trace, options: options).explore { all.insert(Seen($0)) }
            var visited: Set<Seen> = []
            let report = try CrashExplorer(
                trace,
                options: .init(statesPerPoint: 1 << 14, skipsRepeatedStates: true, beginsWithVisitedDisk: true)
            ).explore { #expect(visited.insert(Seen($0)).inserted) }
            #expect(visited.isSubset(of: all) && report.states == visited.count)
            // What comes just before a promise is left for what comes behind it, of which more must hold.
            for seen in all.subtracting(visited) where seen.disk != base || !seen.promises.isEmpty {
                let isLater = visited.contains { $0.disk == seen.disk && $0.promises.starts(with: seen.promises) }
                #expect(isLater, "after \(seen.promises.count) promises")
            }
        }
    }

    @Test func `More combinations than the cap are sampled, extremes first`() throws {
        let disk = SimulatedDisk()
        let file = try durableFile("/a", filled(1, 8192), on: disk)
        let trace = try record(on: disk) { _ in try file.write(filled(2, 8192)) }
        var patterns: [[UInt8]] = []
        let report = try CrashExplorer(trace, options: .init(statesPerPoint: 100)).explore { state in
            guard state.point.events == 1, let bytes = state.disk.contents(of: "/a") else { return }
            patterns.append((0..<16).map { bytes[$0 * 512] })
        }
        #expect(report.exhaustivePoints == 1)
        #expect(patterns.count == 100)
        #expect(Set(patterns).count == 100)
        #expect(patterns.prefix(2) == [filled(1, 16), filled(2, 16)])
        for sector in 0..<16 {
            var one = filled(1, 16)
            one[sector] = 2
            #expect(patterns.contains(one))
            #expect(patterns.contains(one.map { 3 - $0 }))
        }
    }

    @Test func `The text of a state makes it again`() throws {
        for cap in [8, 64] {
            let explorer = CrashExplorer(try toyTrace(), options: .init(statesPerPoint: cap))
            var count = 0
            _ = try explorer.explore { state in
                count += 1
                guard count % 7 == 0 else { return }
                let again = try explorer.replay("\(state.point)")
                #expect(again.disk.fingerprint() == state.disk.fingerprint())
                #expect(again.marks == state.marks)
            }
            #expect(count > 100)
        }
    }

    @Test(arguments: ["", "1", "x:none", "1:", "1:only99999", "1:9.9.9", "999999:all", "-1:all", "1:r", "1:1..1"])
    func `A text that names no state is refused`(_ text: String) throws {
        let explorer = CrashExplorer(try toyTrace(records: 1))
        #expect(throws: UnknownCrashPoint.self) { _ = try explorer.replay(text) }
    }

    @Test func `The same trace and seed give the same exploration`() throws {
        let disk = SimulatedDisk()
        let file = try durableFile("/a", filled(1, 8192), on: disk)
        let trace = try record(on: disk) { _ in try file.write(filled(2, 8192)) }
        func run(_ seed: UInt64) throws -> [DiskFingerprint] {
            var result: [DiskFingerprint] = []
            _ = try CrashExplorer(trace, options: .init(statesPerPoint: 64, seed: seed)).explore {
                result.append($0.disk.fingerprint())
            }
            return result
        }
        #expect(try run(1) == run(1))
        #expect(try run(1) != run(2))
    }

    @Test func `A sound protocol survives every state, and lives after it`() throws {
        var lives = [0, 0, 0]
        func explore(_ trace: DiskTrace, life: Int) throws {
            _ = try CrashExplorer(trace).explore { state in
                lives[life] += 1
                try ToyLog.check(state)
                guard life < 2, lives[life] % 7 == 0 else { return }
                try explore(toyTrace(records: 9, on: state.disk, after: state.marks), life: life + 1)
            }
        }
        try explore(toyTrace(), life: 0)
        print("states per life: \(lives)")
        #expect(lives.allSatisfy { $0 >= 70 })
    }

    @Test(arguments: ToyLog.Bug.allCases.filter { $0 != .none })
    func `A planted bug of the protocol is caught, and its text shows it again`(_ bug: ToyLog.Bug) throws {
        let explorer = CrashExplorer(try toyTrace(bug))
        let failure = try #require(throws: CrashFailure.self) {
            _ = try explorer.explore { try ToyLog.check($0, bug: bug) }
        }
        let again = try explorer.replay("\(failure.point)")
        let violation = try #require(failure.underlying as? ToyLog.Violation)
        #expect(throws: violation) { try ToyLog.check(again, bug: bug) }
    }

    @Test func `A lying disk is noticed`() throws {
        for flaw in 0..<2 {
            let disk = SimulatedDisk()
            if flaw == 0 { disk.flaws.ignoresFileSync = true } else { disk.flaws.ignoresDirectorySync = true }
            let trace = try toyTrace(on: disk)
            #expect(throws: CrashFailure.self) { _ = try CrashExplorer(trace).explore { try ToyLog.check($0) } }
        }
    }

    @Test func `A write that filled the disk is explored as far as it went`() throws {
        let disk = SimulatedDisk()
        disk.capacity = 1024
        let trace = try record(on: disk) { disk in
            let file = try disk.backend.create("/a")
            try disk.backend.syncDirectory("/")
            expectErrno(ErrorNumber.noSpace) { try file.write(filled(1, 4096)) }
            try file.sync()
        }
        var last: [UInt8]?
        _ = try CrashExplorer(trace).explore { last = $0.disk.contents(of: "/a") }
        #expect(last == filled(1, 1024))
    }

    @Test(arguments: [3584, 8192])
    func `A group of sectors is explored, at the rate printed`(_ group: Int) throws {
        let disk = SimulatedDisk()
        for name in ["a", "b", "c"] { disk.replaceContents(of: "/\(name)", with: filled(9, 65536)) }
        let trace = try record(on: disk) { disk in
            let file = try disk.backend.open("/b", .readWrite)
            for round in 0..<100 {
                try file.write(filled(UInt8(round), group), at: round % 7 * group)
                try file.sync()
            }
        }
        for readsAll in [false, true] {
            var report = CrashExplorer.Report()
            let elapsed = try ContinuousClock().measure {
                report = try CrashExplorer(trace).explore { state in
                    guard readsAll else { return }
                    let names = try state.disk.backend.list("/").count
                    let bytes = try state.disk.backend.open("/b", .readOnly).read(65536).count
                    if names != 3 || bytes != 65536 { Issue.record("\(state.point): \(names) names, \(bytes) bytes") }
                }
            }
            let rate = Double(report.states) / (elapsed / .seconds(1))
            print("\(group)-byte groups, 3 files of 64 KiB, reading \(readsAll): \(Int(rate)) states/s")
            // Sampled points don't cover the one before them, which has one state.
            #expect(report.states == 100 * 128 + (report.exhaustivePoints == report.points ? 1 : 101))
            #expect((report.exhaustivePoints == report.points) == (group == 3584))
        }
    }
}
