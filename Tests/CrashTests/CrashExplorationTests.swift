import Foundation
import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Crash exploration of the real store on the simulated disk. Repeatable: `WAL_SEED` sets the first seed of every
/// workload, `WAL_CRASH_STATES` how many states each explores, and `WAL_CRASH` makes the one state of a failure again.
@Suite("Crash exploration")
struct CrashExplorationTests {
    private static let variables = ProcessInfo.processInfo.environment
    private static let firstSeed = variables["WAL_SEED"].flatMap { UInt64($0) } ?? 1
    private static let statesOfAFullRun = 56_000
    private static let statesPerWorkload = variables["WAL_CRASH_STATES"].flatMap { Int($0) } ?? statesOfAFullRun
    /// From so many on each workload is known to come to the last of the lives.
    private static let statesForEveryLife = 5_000

    /// What the workloads that are done came to.
    private struct Sum: Sendable {
        var workloads = 0
        var states = 0
        var coverage = RecoveryCoverage()
    }

    private static let sum = Guarded(Sum())

    /// The rows of the recovery table that nothing came to; damage and contradiction are not among them, since no crash leaves
    /// them.
    private static func missedRows(_ coverage: RecoveryCoverage) -> [String] {
        zip(RecoveryTable.rows, coverage.rows).filter { row, count in
            // A reader meets a write that is under way between two calls of the writer alone.
            let isUnderWay = row.writerIsLive == true && row.isFollowed == true
            return count == 0 && row.verdict != .corruption && row.verdict != .contradiction && !isUnderWay
        }.map(\.0.name)
    }

    @Test func `Together the workloads explore at least 2,000,000 states`() {
        #expect(Workload.everything.count * Self.statesOfAFullRun >= 2_000_000)
    }

    @Test(arguments: Workload.everything)
    func `Every state of a crash recovers to what was promised`(_ workload: Workload) throws {
        var states = Exploration.noStates
        var coverage = RecoveryCoverage()
        var repeated = 0
        var seed = Self.firstSeed
        let clock = ContinuousClock.now
        while states.reduce(0, +) < Self.statesPerWorkload {
            var exploration = Exploration(
                workload, seed: seed, budget: Self.statesPerWorkload - states.reduce(0, +))
            try exploration.run()
            for life in states.indices { states[life] += exploration.states[life] }
            coverage.add(exploration.coverage)
            repeated += exploration.repeated
            seed += 1
        }
        print(
            "\(workload): WAL_SEED=\(Self.firstSeed), \(seed - Self.firstSeed) seeds, states per life \(states), "
                + "\(repeated) left out, \(ContinuousClock.now - clock)")
        #expect(states.allSatisfy { $0 > 0 } || Self.statesPerWorkload < Self.statesForEveryLife)
        if Self.statesPerWorkload >= Self.statesOfAFullRun {
            let missed = Self.missedRows(coverage)
            #expect(missed.isEmpty, "no state came to these rows of the table: \(missed)")
        }
        checkSum(states: states.reduce(0, +), coverage)
    }

    /// The last workload to end answers for all of them: fewer states than a full run has need not bring each to every row.
    private func checkSum(states: Int, _ coverage: RecoveryCoverage) {
        let sum = Self.sum.withLock { sum in
            sum.workloads += 1
            sum.states += states
            sum.coverage.add(coverage)
            return sum
        }
        guard sum.workloads == Workload.everything.count else { return }
        print("crash exploration: \(sum.states) states, recoveries that came to each:\n\(sum.coverage)")
        #expect(sum.states >= Workload.everything.count * Self.statesPerWorkload)
        let missed = Self.missedRows(sum.coverage)
        #expect(missed.isEmpty, "no state of any workload came to these rows of the table: \(missed)")
    }

    @Test(.enabled(if: variables["WAL_CRASH"] != nil))
    func `The state that WAL_CRASH names recovers to what was promised`() throws {
        let text = try #require(Self.variables["WAL_CRASH"])
        var (exploration, points) = try #require(Exploration.parse(text), "WAL_CRASH is: workload seed point…")
        if let report = try exploration.replay(points, show: describe) { throw report }
    }
}
