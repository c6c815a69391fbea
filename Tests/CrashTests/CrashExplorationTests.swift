import Foundation
import SegmentStore
import Testing
import WalSimulation

/// Crash exploration of the real store on the simulated disk. Repeatable: `WAL_SEED` sets the first seed of every
/// workload, `WAL_CRASH_STATES` how many states each explores, and `WAL_CRASH` makes the one state of a failure again.
@Suite("Crash exploration")
struct CrashExplorationTests {
    private static let variables = ProcessInfo.processInfo.environment
    private static let firstSeed = variables["WAL_SEED"].flatMap { UInt64($0) } ?? 1
    private static let statesPerWorkload = variables["WAL_CRASH_STATES"].flatMap { Int($0) } ?? 56_000

    @Test func `Together the workloads explore at least 2,000,000 states`() {
        let count = Workload.everything.count * Self.statesPerWorkload
        #expect(Self.variables["WAL_CRASH_STATES"] != nil || count >= 2_000_000)
    }

    @Test(arguments: Workload.everything)
    func `Every state of a crash recovers to what was promised`(_ workload: Workload) throws {
        var states = Exploration.noStates
        var coverage = RecoveryCoverage()
        var seed = Self.firstSeed
        let clock = ContinuousClock.now
        while states.reduce(0, +) < Self.statesPerWorkload {
            var exploration = Exploration(
                workload, seed: seed, budget: Self.statesPerWorkload - states.reduce(0, +))
            try exploration.run()
            for life in states.indices { states[life] += exploration.states[life] }
            coverage.add(exploration.coverage)
            seed += 1
        }
        print(
            "\(workload): WAL_SEED=\(Self.firstSeed), \(seed - Self.firstSeed) seeds, states per life \(states), \(ContinuousClock.now - clock)"
        )
        #expect(states.reduce(0, +) >= Self.statesPerWorkload)
        // All rows but that of damage, which no crash leaves.
        let missed = zip(RecoveryTable.rows, coverage.rows).filter { $0.1 == 0 && $0.0.verdict != .corruption }
        let isShort = Self.variables["WAL_CRASH_STATES"] != nil
        #expect(isShort || states.allSatisfy { $0 > 0 })
        #expect(missed.isEmpty || isShort, "no state came to these rows of the table: \(missed.map(\.0.name))")
    }

    @Test(.enabled(if: variables["WAL_CRASH"] != nil))
    func `The state that WAL_CRASH names recovers to what was promised`() throws {
        let text = try #require(Self.variables["WAL_CRASH"])
        var (exploration, points) = try #require(Exploration.parse(text), "WAL_CRASH is: workload seed point…")
        if let report = try exploration.replay(points, show: describe) { throw report }
    }
}
