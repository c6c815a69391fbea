import SegmentStore
import Synchronization
import Testing
import WalSimulation

/// Clocks that tell anything, and counters that were used up: errors or clamped times, never a trap.
@Suite struct ClockExtremeTests {
    private static let times: [Int64] = [.min, .min + 1, -(1 << 62), -1, 0, 1, 1 << 62, .max - 1, .max]

    private func environment(
        _ disk: SimulatedDisk, wall: [Int64], monotonic: [Int64], seed: UInt64
    ) -> StoreEnvironment {
        let reading = Mutex(0)
        let next: @Sendable () -> Int = {
            reading.withLock {
                $0 += 1
                return $0
            }
        }
        let generator = Mutex(SeededGenerator(seed: seed))
        var environment = StoreEnvironment(
            storage: disk.backend, now: { wall[next() % wall.count] }, random: { generator.withLock { $0.next() } })
        environment.monotonic = { monotonic[next() % monotonic.count] }
        return environment
    }

    @Test(arguments: times)
    func `A log is written, kept and read whatever the clocks say`(first: Int64) throws {
        for second in Self.times {
            let disk = SimulatedDisk()
            for seed in 1..<3 {
                let environment = environment(
                    disk, wall: [first, second, second], monotonic: [second, first], seed: UInt64(seed))
                let log = StoreHarness(
                    try LogStore.open(
                        StoreHarness.directory, options: StoreHarness.smallSegments, environment: environment))
                for _ in 0..<4 {
                    try log.append([[UInt8](repeating: 7, count: 500)])
                    _ = try log.store.rotate()
                    try log.maintain()
                }
                try log.store.sync()
                for age in [Duration.nanoseconds(1), .seconds(1), .seconds(Int64.max)] {
                    _ = try log.store.retentionPlan(Retention(maxAge: age))
                    _ = try log.store.applyRetention(Retention(maxAge: age))
                }
                _ = try log.store.segments()
                for time in Self.times { _ = try log.store.firstLSN(since: time) }
                #expect(try log.store.verify(progress: nil).isIntact)
                try log.store.closeCleanly()
            }
        }
    }

    /// One that is at its end can be read; to write it would come to numbers that no reader takes.
    @Test(arguments: [1 << 62, (1 << 63) - 1] as [UInt64])
    func `A log whose counters are used up is read and not written`(value: UInt64) throws {
        for field in [56, 88] {
            let sample = try StoreSample(segments: 1, ending: .closed)
            let path = StoreSample.path(FileNames.superblock)
            let disk = sample.disk { disk in
                var block = Block(Array(sample.bytes(path).prefix(Layout.blockSize)))
                block.store(value, at: field)
                // The active segment is the first one.
                if field == 88 { block.store(value, at: 112) }
                block.seal(field: 12)
                disk.replaceContents(of: path, with: block.bytes + block.bytes)
            }
            if field == 56 {
                let reader = try StoreSample.open(disk) { $0.readOnly = true }
                #expect(try reader.contents() == sample.events)
                try reader.store.abandon()
                #expect(StoreSample.failureOfOpen(disk)?.code == .io)
            } else {
                // Its segment bears another number than the superblock says.
                #expect(StoreSample.failureOfOpen(disk) != nil)
            }
            #expect(disk.contents(of: path)?.count == Layout.superblockSize)
        }
    }
}
