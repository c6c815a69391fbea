import SegmentStore
import Testing
import WalSimulation

/// A process is killed inside one operation, at each of its changing calls; what it wrote stays in the page cache, where
/// the next process finds it and goes on. Then the power fails, at any point of all this.
@Suite("A killed process, the next one, and a power cut")
struct KilledProcessTests {
    @Test(arguments: KilledScene.Operation.allCases, [false, true])
    func `Nothing promised is lost, whenever the process is killed and the power fails`(
        _ operation: KilledScene.Operation, spoilsSectors: Bool
    ) throws {
        var states = 0
        var calls = 0
        while true {
            var scene = KilledScene(seed: UInt64(calls), spoilsSectors: spoilsSectors)
            guard let trace = try scene.trace(of: operation, killedAfter: calls) else { break }
            states += try scene.explore(trace)
            calls += 1
        }
        print("\(operation)\(spoilsSectors ? ", garbage" : ""): killed at \(calls) calls, \(states) states")
        #expect(calls > 0 && states > calls)
    }
}
