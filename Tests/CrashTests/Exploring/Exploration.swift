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

/// Every crash state of a run of a log, and of runs on some of the states, up to three lives deep.
struct Exploration {
    let workload: Workload
    let seed: UInt64
    var flaws: StoreFlaws = []
    /// Ends once this many states were seen.
    var budget = Int.max

    /// States of first, second and third lives.
    private(set) var states = [0, 0, 0]
    var total: Int { states.reduce(0, +) }

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
            Self(steps: 34, statesPerPoint: 64, goesOnFrom: 211, checksFully: 5),
            Self(steps: 9, statesPerPoint: 12, goesOnFrom: 151, checksFully: 7),
            Self(steps: 8, statesPerPoint: 10, goesOnFrom: .max, checksFully: 5),
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
            try explore(SimulatedDisk(), after: [], points: [])
        } catch is Enough {}
    }

    private func explorer(
        _ disk: SimulatedDisk, after marks: ArraySlice<TraceMark>, points: [CrashPoint]
    ) throws -> CrashExplorer {
        let depth = Depth.all[points.count]
        let lifeSeed = seed(of: points)
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
        return CrashExplorer(trace, options: .init(statesPerPoint: depth.statesPerPoint, seed: lifeSeed))
    }

    /// The seed of a life follows from the crashes before it, so that a replay needs nothing else.
    private func seed(of points: [CrashPoint]) -> UInt64 {
        points.reduce(mixedSeed(seed, "\(workload)")) { mixedSeed($0, $1.description) }
    }

    private mutating func explore(
        _ disk: SimulatedDisk, after marks: ArraySlice<TraceMark>, points: [CrashPoint]
    ) throws {
        let life = points.count
        let depth = Depth.all[life]
        let explorer = try explorer(disk, after: marks, points: points)
        var seen = 0
        do {
            _ = try explorer.explore { state in
                if total >= budget { throw Enough() }
                let path = points + [state.point]
                seen += 1
                states[life] += 1
                let goesOn = life + 1 < Depth.all.count && seen % depth.goesOnFrom == 0
                let copy = goesOn ? SimulatedDisk(startingFrom: state.disk) : nil
                try judge(state, path, fully: seen % depth.checksFully == 0)
                if let copy { try explore(copy, after: state.marks, points: path) }
            }
        } catch let failure as CrashFailure {
            throw failure.underlying
        }
    }

    private func judge(_ state: CrashExplorer.State, _ path: [CrashPoint], fully: Bool) throws {
        var oracle = Oracle(
            state.disk, workload, flaws: flaws, marks: state.marks, seed: mixedSeed(seed(of: path), "oracle"))
        do {
            try oracle.check(fully: fully)
        } catch {
            throw CrashReport(workload: workload, seed: seed, points: path, violation: "\(error)")
        }
    }

    /// Makes the state of a report again and judges it, and the run that goes on from it; returns what is broken, if
    /// anything. `show` sees each state.
    func replay(_ points: [CrashPoint], show: (CrashExplorer.State) -> Void = { _ in }) throws -> CrashReport? {
        var disk = SimulatedDisk()
        var marks: ArraySlice<TraceMark> = []
        do {
            for (index, point) in points.enumerated() {
                let state = try explorer(disk, after: marks, points: Array(points[..<index])).replay("\(point)")
                show(state)
                disk = SimulatedDisk(startingFrom: state.disk)
                marks = state.marks
                if index == points.count - 1 { try judge(state, points, fully: true) }
            }
            // A run may fail by itself, with no further crash.
            if points.count < Depth.all.count { _ = try explorer(disk, after: marks, points: points) }
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
