import SegmentStore
import Synchronization
import WalSimulation

/// A wall clock and a monotonic one that a test sets.
final class TestClocks: Sendable {
    private struct Times: Sendable {
        var wall: Int64 = 1_700_000_000_000_000_000
        var monotonic: Int64 = 5_000_000_000
    }

    private let times = Mutex(Times())

    var wall: Int64 { times.withLock { $0.wall } }

    /// Seen together.
    var both: (wall: Int64, monotonic: Int64) { times.withLock { ($0.wall, $0.monotonic) } }

    /// Time passes, on both.
    func advance(seconds: Int64) {
        times.withLock {
            $0.wall += seconds * 1_000_000_000
            $0.monotonic += seconds * 1_000_000_000
        }
    }

    /// Somebody sets the wall clock.
    func jump(seconds: Int64) {
        times.withLock { $0.wall += seconds * 1_000_000_000 }
    }

    func environment(_ storage: any Storage, seed: UInt64 = 1) -> StoreEnvironment {
        let generator = Mutex(SeededGenerator(seed: seed))
        var environment = StoreEnvironment(
            storage: storage, now: { self.wall }, random: { generator.withLock { $0.next() } })
        environment.monotonic = { self.times.withLock { $0.monotonic } }
        return environment
    }

    func open(
        _ disk: SimulatedDisk, seed: UInt64 = 1, _ change: (inout StoreOptions) -> Void = { _ in }
    ) throws -> StoreHarness {
        var options = StoreHarness.smallSegments
        change(&options)
        return StoreHarness(
            try LogStore.open(
                StoreHarness.directory, options: options, environment: environment(disk.backend, seed: seed)))
    }
}
