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
    private static let statesPerWorkload = variables["WAL_CRASH_STATES"].flatMap { Int($0) } ?? 11_500

    @Test func `Together the workloads explore at least 200,000 states`() {
        #expect(Self.variables["WAL_CRASH_STATES"] != nil || Workload.all.count * Self.statesPerWorkload >= 200_000)
    }

    @Test(arguments: Workload.all)
    func `Every state of a crash recovers to what was promised`(_ workload: Workload) throws {
        var states = [0, 0, 0]
        var seed = Self.firstSeed
        let clock = ContinuousClock.now
        while states.reduce(0, +) < Self.statesPerWorkload {
            var exploration = Exploration(
                workload, seed: seed, budget: Self.statesPerWorkload - states.reduce(0, +))
            try exploration.run()
            for life in states.indices { states[life] += exploration.states[life] }
            seed += 1
        }
        print(
            "\(workload): WAL_SEED=\(Self.firstSeed), \(seed - Self.firstSeed) seeds, states per life \(states), \(ContinuousClock.now - clock)"
        )
        #expect(states.reduce(0, +) >= Self.statesPerWorkload)
        #expect(states.allSatisfy { $0 > 0 })
    }

    @Test(.enabled(if: variables["WAL_CRASH"] != nil))
    func `The state that WAL_CRASH names recovers to what was promised`() throws {
        let text = try #require(Self.variables["WAL_CRASH"])
        let (exploration, points) = try #require(Exploration.parse(text), "WAL_CRASH is: workload seed point…")
        if let report = try exploration.replay(points, show: describe) { throw report }
    }
}
