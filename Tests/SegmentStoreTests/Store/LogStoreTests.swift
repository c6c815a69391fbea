import SegmentStore
import Testing
import WalSimulation

@Suite struct LogStoreTests {
    private func event(_ number: Int, size: Int = 100) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number &* 31) }
    }

    @Test func eventsComeBackAcrossRollsAndReopening() throws {
        let disk = SimulatedDisk()
        var expected: [UInt64: [UInt8]] = [:]
        for life in 0..<4 {
            let log = try StoreHarness(disk, seed: UInt64(life))
            for group in 0..<60 {
                let events = (0..<5).map { event(group * 5 + $0 + life, size: 20 + ($0 * 97 + group) % 400) }
                for (number, event) in events.enumerated() {
                    expected[log.store.writtenLSN + UInt64(number) + 1] = event
                }
                try log.append(events)
                if group % 3 == 0 { try log.store.sync() }
                if group % 4 == 0 { try log.maintain() }
            }
            #expect(try log.contents() == expected)
            #expect(try log.contents(from: 77).keys.min() == 77)
            #expect(try log.store.segments().count > 3)
            let report = try log.store.verify(progress: nil)
            #expect(report.findings.isEmpty)
            #expect(report.eventCount == UInt64(expected.count))
            if life % 2 == 0 { try log.store.closeCleanly() } else { try log.store.abandon() }
        }
        let log = try StoreHarness(disk, seed: 9)
        #expect(try log.contents() == expected)
        try log.maintain()
        #expect(try log.contents(from: 301)[301] == expected[301])
        #expect(try log.store.segments().dropLast().allSatisfy { $0.state == .sealed })
        #expect(try log.store.verify(progress: nil).findings.isEmpty)
    }

    @Test func truncationDropsWholeSegmentsAndSurvivesReopening() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        for group in 0..<100 { try log.append([event(group, size: 900)]) }
        let removed = try log.store.truncate(before: 50)
        #expect(!removed.isEmpty)
        #expect(log.store.firstLSN == 50)
        #expect(try log.contents().count == 51)
        #expect(throws: WalError.self) { try log.contents(from: 49) }
        try log.store.abandon()
        let again = try StoreHarness(disk, seed: 2)
        #expect(again.store.firstLSN == 50)
        #expect(try again.contents().count == 51)
        try again.store.truncate(before: 101)
        #expect(try again.contents().isEmpty)
        try again.append([event(1)])
        #expect(try again.contents().keys.sorted() == [101])
        try again.store.closeCleanly()
        #expect(try StoreHarness(disk, seed: 3).store.firstLSN == 101)
    }
}
