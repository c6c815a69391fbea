import Foundation
import Testing

/// The exploration for as long as one likes; what `scripts/soak` runs.
@Suite("Soak")
struct SoakTests {
    private static let variables = ProcessInfo.processInfo.environment

    /// The number in a variable; one that is set and is none must not pass for one that is not set.
    private static func number<Number: FixedWidthInteger>(_ name: String) throws -> Number? {
        try variables[name].map { try #require(Number($0), "\(name)=\($0)") }
    }

    @Test(.enabled(if: variables["WAL_SOAK_SECONDS"] != nil || variables["WAL_SOAK_STATES"] != nil))
    func `Every state of a long exploration recovers to what was promised`() throws {
        let seed = try Self.number("WAL_SEED") ?? UInt64.random(in: 1...1_000_000_000)
        let campaign = Campaign(
            Workload.everything, firstSeed: seed, seconds: try Self.number("WAL_SOAK_SECONDS"),
            states: try Self.number("WAL_SOAK_STATES"))
        print("seed \(seed), \(Workload.everything.count) workloads")
        let result = try campaign.run()
        print("\(campaign.summary(result))\nrecoveries that came to each:\n\(result.coverage)")
        #expect(result.failures.isEmpty)
        #expect(result.total > 0, "nothing was explored")
    }
}
