import SegmentStore
import Testing
import WalSimulation

/// Promise 6: zeros of a preallocated tail are not corruption; an unclean stop reopens without false alarm and without
/// losing the preallocation.
@Suite("Promise 6: zeros of a preallocated tail are not corruption")
struct PreallocationTests {
    @Test(arguments: [Preallocation.growing, .allocated, .prewritten])
    func anUncleanStopReopensWithoutFalseAlarmAndKeepsThePreallocation(preallocation: Preallocation) throws {
        for events in 0..<12 {
            for choice in [CrashChoice.keepNone, .keepAll, .random] {
                let disk = SimulatedDisk()
                let log = try StoreSample.open(disk) { $0.preallocation = preallocation }
                try log.maintain()
                for number in 0..<events {
                    try log.append([StoreSample.event(UInt64(number), size: 2500)])
                    if number % 3 == 0 { try log.maintain() }
                }
                try log.store.sync()
                let expected = try log.contents()
                let path = try #require(try log.store.segments().last?.path)
                let size = disk.contents(of: path)?.count
                let after = disk.crash(choice, seed: testSeed &+ UInt64(events))
                let note = "\(events) events, \(choice), WAL_SEED=\(testSeed)"
                #expect(after.contents(of: path)?.count == size, "\(note)")
                let again = try StoreSample.open(after) { $0.preallocation = preallocation }
                #expect(again.store.report.outcome == .unclean, "\(note)")
                #expect(again.store.report.damage == nil && again.store.report.quarantined.isEmpty, "\(note)")
                #expect(after.contents(of: path)?.count == size, "\(note)")
                #expect(try again.contents() == expected, "\(note)")
                #expect(try again.store.verify(progress: nil).findings.isEmpty, "\(note)")
                if preallocation != .growing { #expect(size == 16 << 10, "\(note)") }
            }
        }
    }

    @Test func aTornTailIsZeroedWithinThePreallocation() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        try log.append([StoreSample.event(1, size: 3000)])
        try log.store.sync()
        try log.append([StoreSample.event(2, size: 3000)])
        let path = StoreSample.path(base: 1)
        for seed in 0..<40 {
            let after = disk.crash(.random, seed: testSeed &+ UInt64(seed))
            let again = try StoreSample.open(after)
            let events = try again.contents().count
            let bytes = try #require(after.contents(of: path))
            #expect(bytes.count == 16 << 10)
            let end = try #require(try again.store.segments().last?.usedBytes)
            #expect(bytes[Int(end)...].allSatisfy { $0 == 0 }, "WAL_SEED=\(testSeed) seed \(seed)")
            #expect(events == 1 || events == 2)
            #expect(again.store.report.outcome == .tornTail || again.store.report.bytesCut == 0)
        }
    }
}
