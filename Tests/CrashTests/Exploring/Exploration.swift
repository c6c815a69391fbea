import SegmentStore
import WalSimulation

/// A crash state that broke a rule, with all it takes to see it again.
struct CrashReport: Error, CustomStringConvertible {
    var workload: Workload
    var seed: UInt64
    /// The crash of each life, the last one's last; empty if no crash was needed.
    var points: [CrashPoint]
    var violation: String

    /// What the variable WAL_CRASH takes.
    var text: String {
        (["\(workload)", "\(seed)"] + points.map(\.description)).joined(separator: " ")
    }

    var description: String { "WAL_CRASH=\"\(text)\": \(violation)" }
}

/// Every crash state of a run of a log, and of runs on some of the states, up to four lives deep.
///
/// A state is a disk, and what the log had promised by the time its power failed: one that was seen before in the same
/// life, or is what that life began with, is left out and not counted unless something was promised in between. On each the log is recovered, and every byte of
/// every event, the set of files and all checkpoints are compared with what must be there.
struct Exploration {
    let workload: Workload
    let seed: UInt64
    var flaws: StoreFlaws = []
    /// Ends once this many states were seen.
    var budget = Int.max
    var deadline: ContinuousClock.Instant?

    /// States of first lives, second ones and so on.
    private(set) var states = noStates
    static var noStates: [Int] { [Int](repeating: 0, count: Depth.all.count) }
    var total: Int { states.reduce(0, +) }
    /// States left out because an equal one was seen.
    private(set) var repeated = 0
    private(set) var coverage = RecoveryCoverage()

    private struct Enough: Error {}

    /// What differs by life: later lives are shorter, and explored less densely, so that more of them fit.
    private struct Depth {
        var steps: Int
        var statesPerPoint: Int
        /// One in so many states is gone on from.
        var goesOnFrom: Int
        /// One in so many states is checked in full.
        var checksFully: Int

        static let all = [
            Self(steps: 44, statesPerPoint: 64, goesOnFrom: 127, checksFully: 11),
            Self(steps: 9, statesPerPoint: 12, goesOnFrom: 73, checksFully: 11),
            Self(steps: 8, statesPerPoint: 10, goesOnFrom: 101, checksFully: 11),
            Self(steps: 6, statesPerPoint: 8, goesOnFrom: .max, checksFully: 7),
        ]
    }

    init(_ workload: Workload, seed: UInt64, flaws: StoreFlaws = [], budget: Int = .max) {
        self.workload = workload
        self.seed = seed
        self.flaws = flaws
        self.budget = budget
    }

    /// Throws a `CrashReport` at the first state that breaks a rule.
    mutating func run() throws {
        do {
            try explore(workload.disk(), after: [], points: [])
        } catch is Enough {}
    }

    private func explorer(
        _ disk: SimulatedDisk, after marks: ArraySlice<TraceMark>, points: [CrashPoint], seed lifeSeed: UInt64
    ) throws -> CrashExplorer {
        let depth = Depth.all[points.count]
        disk.startRecording(after: marks)
        var driver = LogDriver(disk, workload, seed: lifeSeed, flaws: flaws, after: marks)
        do {
            try driver.run(steps: depth.steps)
        } catch {
            driver.end()
            throw CrashReport(workload: workload, seed: seed, points: points, violation: "\(error)")
        }
        driver.end()
        guard let trace = disk.stopRecording() else { throw Violation("nothing was recorded") }
        return CrashExplorer(
            trace,
            options: .init(
                statesPerPoint: depth.statesPerPoint, seed: lifeSeed, skipsRepeatedStates: true,
                beginsWithVisitedDisk: !points.isEmpty))
    }

    /// The seed of a life follows from the crashes before it, so that a replay needs nothing else.
    private func seed(of points: [CrashPoint]) -> UInt64 {
        points.reduce(mixedSeed(seed, "\(workload)"), seed(after:at:))
    }

    private func seed(after seed: UInt64, at point: CrashPoint) -> UInt64 {
        mixedSeed(seed, number: point.hash)
    }

    private mutating func explore(
        _ disk: SimulatedDisk, after marks: ArraySlice<TraceMark>, points: [CrashPoint]
    ) throws {
        let life = points.count
        let depth = Depth.all[life]
        let lifeSeed = seed(of: points)
        let explorer = try explorer(disk, after: marks, points: points, seed: lifeSeed)
        // Counting begins anywhere: a life with few states would else never be gone on from.
        var seen = Int(lifeSeed % 1009)
        var expected = Expectation([])
        do {
            repeated += try explorer.explore { state in
                if total >= budget { throw Enough() }
                if let deadline, total % 64 == 0, ContinuousClock.now > deadline { throw Enough() }
                seen += 1
                states[life] += 1
                let goesOn = life + 1 < Depth.all.count && seen % depth.goesOnFrom == 0
                let copy = goesOn ? SimulatedDisk(startingFrom: state.disk) : nil
                if expected.markCount != state.marks.count { expected = Expectation(state.marks) }
                do {
                    let stateSeed = seed(after: lifeSeed, at: state.point)
                    try judge(state, expected, seed: stateSeed, fully: seen % depth.checksFully == 0)
                } catch {
                    throw CrashReport(
                        workload: workload, seed: seed, points: points + [state.point], violation: "\(error)")
                }
                if let copy { try explore(copy, after: state.marks, points: points + [state.point]) }
            }.repeatedStates
        } catch let failure as CrashFailure {
            throw failure.underlying
        }
    }

    private mutating func judge(
        _ state: CrashExplorer.State, _ expected: Expectation, seed: UInt64, fully: Bool
    ) throws {
        // The power does not fail again on this copy.
        state.disk.settlesAtOnce = true
        var oracle = Oracle(state.disk, workload, flaws: flaws, expected, seed: mixedSeed(seed, "oracle"))
        defer { coverage.add(oracle.coverage) }
        try oracle.check(fully: fully)
    }

    /// Makes the state of a report again and judges it, and the run that goes on from it; returns what is broken, if
    /// anything. `show` sees each state.
    mutating func replay(
        _ points: [CrashPoint], show: (CrashExplorer.State) -> Void = { _ in }
    ) throws -> CrashReport? {
        var disk = workload.disk()
        var marks: ArraySlice<TraceMark> = []
        do {
            for (index, point) in points.enumerated() {
                let before = Array(points[..<index])
                let explorer = try explorer(disk, after: marks, points: before, seed: seed(of: before))
                let state = try explorer.replay("\(point)")
                show(state)
                disk = SimulatedDisk(startingFrom: state.disk)
                marks = state.marks
                guard index == points.count - 1 else { continue }
                do {
                    try judge(state, Expectation(marks), seed: seed(of: points), fully: true)
                } catch {
                    throw CrashReport(workload: workload, seed: seed, points: points, violation: "\(error)")
                }
            }
            // A run may fail by itself, with no further crash.
            if points.count < Depth.all.count {
                _ = try explorer(disk, after: marks, points: points, seed: seed(of: points))
            }
        } catch let report as CrashReport {
            return report
        }
        return nil
    }
}

extension Exploration {
    /// Reads the text of a report: the exploration, and the crashes of its lives.
    static func parse(_ text: String) -> (Exploration, [CrashPoint])? {
        let fields = text.split(separator: " ")
        guard fields.count >= 2, let workload = Workload(fields[0]), let seed = UInt64(fields[1]) else { return nil }
        let points = fields[2...].compactMap { CrashPoint(String($0)) }
        guard points.count == fields.count - 2, points.count <= Depth.all.count else { return nil }
        return (Exploration(workload, seed: seed), points)
    }
}
