import SegmentStore
import Testing
import WalSimulation

/// Reading by time gives out exactly the events of these times, whatever the clocks did, and passes over what can't hold any.
@Suite struct TimeFilterTests {
    /// A log with clocks that step back and events with times of their own, and the time of each event.
    private func log(
        _ random: inout SeededGenerator, _ disk: SimulatedDisk, steps: Int
    ) throws -> (log: StoreHarness, times: [Int64]) {
        let clocks = TestClocks()
        var log = try clocks.open(disk)
        var times: [Int64] = []
        let start = clocks.wall
        for step in 0..<steps {
            switch random.next() % 10 {
            case 0: clocks.jump(seconds: -Int64(random.next() % 200))
            case 1: _ = try log.store.rotate()
            case 2: try log.maintain()
            case 3 where step % 3 == 0:
                try log.store.sync()
                try log.store.abandon()
                log = try clocks.open(disk, seed: UInt64(step) + 100)
            default: clocks.advance(seconds: Int64(random.next() % 50))
            }
            let block = StagingBlock(capacity: 16 << 10)
            for _ in 0..<1 + random.next() % 4 {
                let lsn = UInt64(times.count) + 1
                let own = random.next() % 5 == 0 ? start + Int64(random.next() % 3000) * 1_000_000_000 : nil
                let event = StoreSample.event(lsn, size: Int(random.next() % 900))
                let time = own.map { EventTime(nanosecondsSince1970: $0) }
                let fits = event.withUnsafeBytes { block.append($0, meta: nil, key: nil, time: time, lsn: lsn) }
                #expect(fits)
                if random.next() % 2 == 0 { block.closeFrame() }
                times.append(own ?? clocks.wall)
            }
            block.closeFrame()
            try log.store.write(block)
        }
        return (log, times)
    }

    @Test func `Reading by time equals filtering all events`() throws {
        var random = SeededGenerator(seed: testSeed)
        for round in 0..<12 {
            let disk = SimulatedDisk()
            let (log, times) = try log(&random, disk, steps: 60)
            if round % 3 == 0 { try log.store.truncate(before: UInt64(times.count / 3)) }
            let first = log.store.firstLSN
            let sorted = times.sorted()
            for _ in 0..<40 {
                var bounds = [sorted, times].map { $0[Int(random.next() % UInt64(times.count))] }.sorted()
                bounds[1] += Int64(random.next() % 3)
                let since = random.next() % 6 == 0 ? Int64.min : bounds[0]
                let until = random.next() % 4 == 0 ? nil : bounds[1]
                let from = random.next() % 2 == 0 ? first : first + random.next() % (UInt64(times.count) - first + 1)
                let through = random.next() % 2 == 0 ? UInt64.max : from + random.next() % 50
                let range = TimeRange(since: since, until: until)
                let expected = (from...min(through, UInt64(times.count))).filter {
                    range.contains(times[Int($0) - 1])
                }
                for access in [ReadAccess.read, .mapped] {
                    var found: [UInt64] = []
                    var cursor = try log.store.cursor(from: from, through: through, access: access, times: range)
                    while let view = try cursor.next() {
                        #expect(view.time == times[Int(view.lsn) - 1])
                        found.append(view.lsn)
                    }
                    #expect(
                        found == expected, "seed \(testSeed) round \(round), \(since)..<\(String(describing: until))")
                }
                let oldest = times[(Int(first) - 1)...].firstIndex { $0 >= since }.map { UInt64($0 + 1) }
                #expect(try log.store.firstLSN(since: since) == oldest ?? UInt64(times.count) + 1)
            }
            try log.store.abandon()
        }
    }

    @Test func `Segments that hold no such event are not read`() throws {
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        var log = try clocks.open(disk)
        for number in 0..<8 {
            if number > 0 { _ = try log.store.rotate() }
            clocks.advance(seconds: 1000)
            try log.append([StoreSample.event(UInt64(number), size: 500)])
            try log.maintain()
        }
        try log.store.closeCleanly()
        let counter = OpenCounter(disk.backend)
        log = StoreHarness(
            try LogStore.open(
                StoreHarness.directory, options: StoreHarness.smallSegments,
                environment: clocks.environment(counter, seed: 2)))
        for round in 0..<2 {
            let opened = counter.opens.value
            var cursor = try log.store.cursor(
                from: 0, through: .max, times: TimeRange(since: clocks.wall - 2_500_000_000_000, until: clocks.wall))
            var found: [UInt64] = []
            while let view = try cursor.next() { found.append(view.lsn) }
            #expect(found == [6, 7])
            // The two that hold such events and the active one, which may; the first time the footers of all.
            #expect(counter.opens.value - opened == (round == 0 ? 3 + 7 : 3))
        }
    }

    @Test func `Within a segment the index passes over what is older`() throws {
        var index = SparseIndex(spacing: 4096)
        for (lsn, newest) in [(1, Int64.min), (10, 50), (20, 90), (30, 90), (40, 120)] {
            index.append(
                .init(lsn: UInt64(lsn), offset: UInt64(lsn * 4096), newestEventTime: newest, newestFrameTime: newest))
        }
        #expect(index.entry(for: 1, since: 51)?.lsn == 10)
        #expect(index.entry(for: 1, since: 50)?.lsn == 1)
        #expect(index.entry(for: 1, since: 91)?.lsn == 30)
        #expect(index.entry(for: 1, since: 1000)?.lsn == 40)
        #expect(index.entry(for: 35, since: 51)?.lsn == 30)
        #expect(index.entry(for: 1, since: .min)?.lsn == 1)
        #expect(index.entry(for: 0, since: nil) == nil)
    }
}
