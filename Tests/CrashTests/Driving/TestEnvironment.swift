import SegmentStore
import Synchronization
import WalSimulation

/// Where the log of every run lies.
let logDirectory = "/log"

/// What a store takes from outside, repeatable: a clock that ticks with each reading, and seeded random bits.
func testEnvironment(_ storage: any Storage, seed: UInt64, flaws: StoreFlaws = []) -> StoreEnvironment {
    let source = EnvironmentSource(seed: seed)
    var environment = StoreEnvironment(storage: storage, now: { source.tick() }, random: { source.random() })
    environment.flaws = flaws
    return environment
}

private final class EnvironmentSource: Sendable {
    private let time = Atomic<Int64>(1_000_000)
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) {
        generator = Mutex(SeededGenerator(seed: seed))
    }

    func tick() -> Int64 { time.wrappingAdd(1000, ordering: .relaxed).newValue }
    func random() -> UInt64 { generator.withLock { $0.next() } }
}

/// Mixes numbers and texts into a seed, the same in every process.
func mixedSeed(_ seed: UInt64, _ text: String = "", number: UInt64 = 0) -> UInt64 {
    var mixed = seed &* 0x9E37_79B9_7F4A_7C15 &+ number
    for byte in text.utf8 { mixed = (mixed ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    var generator = SeededGenerator(seed: mixed)
    return generator.next()
}
