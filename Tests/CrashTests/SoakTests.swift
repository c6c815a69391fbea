import Foundation
import Testing

/// The exploration for as long as one likes; what `scripts/soak` runs.
@Suite("Soak")
struct SoakTests {
    private static let variables = ProcessInfo.processInfo.environment
    private static func number(_ name: String) -> Int? { variables[name].flatMap { Int($0) } }

    @Test(.enabled(if: number("WAL_SOAK_SECONDS") != nil || number("WAL_SOAK_STATES") != nil))
    func `Every state of a long exploration recovers to what was promised`() throws {
        let seed = Self.number("WAL_SEED").map { UInt64($0) } ?? UInt64.random(in: 1...1_000_000_000)
        let campaign = Campaign(
            Workload.everything, firstSeed: seed, seconds: Self.number("WAL_SOAK_SECONDS"),
            states: Self.number("WAL_SOAK_STATES"))
        print("seed \(seed), \(Workload.everything.count) workloads")
        let result = try campaign.run()
        print("\(campaign.summary(result))\nrecoveries that came to each:\n\(result.coverage)")
        #expect(result.failures.isEmpty)
    }
}
