import SegmentStore
import Testing
import WalSimulation

@Suite struct RefreshTests {
    private static func reading(_ disk: SimulatedDisk, _ plan: FaultPlan) throws -> LogStore {
        var options = StoreHarness.smallSegments
        options.readOnly = true
        let storage = FaultStorage(disk.storage.implementation, plan: plan)
        return try LogStore.open(
            StoreHarness.directory, options: options, environment: StoreHarness.environment(storage))
    }

    /// Takes all that has come, and checks that it is what must come next.
    private func take(
        _ cursor: inout LogCursor, from store: LogStore, _ events: [UInt64: [UInt8]], _ note: String
    ) throws {
        cursor.extend(through: store.writtenLSN)
        var lsn = cursor.nextLSN
        while let view = try cursor.next() {
            #expect(view.lsn == lsn && Array(view.payload) == events[lsn], "\(note)")
            lsn += 1
        }
        #expect(lsn == store.writtenLSN + 1, "\(note)")
    }

    @Test(arguments: [ReadAccess.mapped, .read])
    func whateverTheWriterDoesARefreshFindsWhatAnOpenFindsAndACursorGoesOnOverIt(_ access: ReadAccess) throws {
        let disk = SimulatedDisk()
        var log = try StoreHarness(disk)
        let plan = FaultPlan()
        let store = try Self.reading(disk, plan)
        var cursor = try store.followingCursor(from: 0, access: access)
        var ownCursor = try log.store.followingCursor(from: 0, access: access)
        var events: [UInt64: [UInt8]] = [:]
        var generator = SeededGenerator(seed: testSeed)
        for step in 0..<600 {
            let choice = generator.next() % 12
            let note = "WAL_SEED=\(testSeed) step \(step) choice \(choice)"
            switch choice {
            case 0...5:
                var group: [[UInt8]] = []
                for _ in 0...generator.next() % 4 {
                    let lsn = log.store.writtenLSN + UInt64(group.count) + 1
                    group.append(StoreSample.event(lsn, size: Int(generator.next() % 1500)))
                    events[lsn] = group.last
                }
                try log.append(group)
            case 6: try log.store.sync()
            case 7: _ = try log.store.rotate()
            case 8: _ = try log.store.performMaintenance()
            case 9: try log.store.recordWatermark()
            case 10:
                // No more than the readers have seen: they must not fall behind here.
                let oldest = log.store.firstLSN
                let newest = min(cursor.nextLSN, ownCursor.nextLSN)
                if newest > oldest { try log.store.truncate(before: oldest + generator.next() % (newest - oldest + 1)) }
            default:
                guard step % 5 == 0 else { continue }
                try take(&ownCursor, from: log.store, events, note)
                // Another life: clean, or as after a kill.
                if step % 2 == 0 { try log.store.closeCleanly() } else { try log.store.abandon() }
                log = try StoreHarness(disk, seed: UInt64(step))
                ownCursor = try log.store.followingCursor(from: ownCursor.nextLSN, access: access)
            }
            if generator.next() % 3 > 0 {
                let before = store.writtenLSN
                let hasMoved = try store.refresh()
                #expect(hasMoved == (store.writtenLSN > before), "\(note)")
                let fresh = try Self.reading(disk, FaultPlan())
                #expect(store.writtenLSN == log.store.writtenLSN, "\(note)")
                #expect(store.firstLSN == fresh.firstLSN, "\(note)")
                #expect(store.durableLSN >= fresh.durableLSN && store.durableLSN <= log.store.durableLSN, "\(note)")
                let found = try store.segments()
                let expected = try fresh.segments()
                #expect(found.map(\.firstLSN) == expected.map(\.firstLSN), "\(note)")
                #expect(found.map(\.lastLSN) == expected.map(\.lastLSN), "\(note)")
                #expect(try store.verify(progress: nil).isIntact, "\(note)")
                try take(&cursor, from: store, events, note)
                try fresh.abandon()
            }
            if generator.next() % 2 == 0 { try take(&ownCursor, from: log.store, events, note) }
        }
        #expect(events.count > 300)
        try log.store.closeCleanly()
    }

    @Test func aLookThatFindsNothingIsNineSmallCalls() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        let plan = FaultPlan()
        for lsn in UInt64(1)...20 { try log.append([StoreSample.event(lsn, size: 900)]) }
        let store = try Self.reading(disk, plan)
        for round in UInt64(0)..<3 {
            plan.resetCounts()
            #expect(try !store.refresh())
            #expect(plan.callCount <= 9)
            #expect(plan.callCount(of: .open) <= 3)
            #expect(plan.callCount(of: .list) == 0)
            // One event more is found with little more, however long the segment is.
            try log.append([StoreSample.event(21 + round, size: 100)])
            plan.resetCounts()
            #expect(try store.refresh())
            #expect(plan.callCount <= 10)
            #expect(store.writtenLSN == 21 + round)
        }
    }

    @Test func aFrameThatIsBeingWrittenIsNoEventAndOneThatStaysDamagedIsJudged() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        try log.append([StoreSample.event(1, size: 300)])
        let store = try Self.reading(disk, FaultPlan())
        let end = try #require(try log.store.segments().last?.usedBytes)
        try log.append([StoreSample.event(2, size: 300)])
        let path = StoreSample.path(base: 1)
        let whole = try #require(disk.contents(of: path))
        // The first half of the frame has come.
        let file = try disk.backend.open(path, .readWrite)
        try file.write(at: end + 150, [UInt8](repeating: 0, count: 200))
        #expect(try !store.refresh())
        #expect(try !store.refresh())
        #expect(try !store.refresh())
        #expect(store.writtenLSN == 1)
        try file.write(at: end + 150, Array(whole[Int(end) + 150..<Int(end) + 350]))
        #expect(try store.refresh())
        #expect(store.writtenLSN == 2)
        // Something behind it says that it was durable: no longer a frame that is being written.
        try log.store.sync()
        try log.append([StoreSample.event(3, size: 300)])
        #expect(try store.refresh())
        let third = try Self.reading(disk, FaultPlan())
        try log.store.sync()
        let fourth = try #require(try log.store.segments().last?.usedBytes)
        try log.append([StoreSample.event(4, size: 300)])
        try log.store.sync()
        try log.append([StoreSample.event(5, size: 300)])
        try file.write(at: fourth + 100, [UInt8](repeating: 0x5A, count: 8))
        #expect {
            // Twice, at most, it may pass for a frame that is being written.
            for _ in 0..<3 { _ = try third.refresh() }
        } throws: {
            ($0 as? WalError)?.code == .corrupted
        }
    }

    @Test func aFollowingCursorGoesOnInTheMiddleOfAFrame() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        let events = (UInt64(1)...8).map { StoreSample.event($0, size: 200) }
        try log.append(events)
        var cursor = try log.store.followingCursor(from: 0)
        var given: [[UInt8]] = []
        for last in [0, 3, 3, 4, 8, 8] as [UInt64] {
            cursor.extend(through: last)
            while let view = try cursor.next() { given.append(Array(view.payload)) }
            #expect(UInt64(given.count) == last && cursor.nextLSN == last + 1)
        }
        #expect(given == events)
    }
}
