import SegmentStore
import Testing
import WalSimulation

/// A clock that was wrong for a while makes nothing go early, and keeps nothing for long.
@Suite struct WrongClockTests {
    private static let day: Int64 = 86_400
    private static let second: Int64 = 1_000_000_000
    /// In seconds from the year the test clock shows.
    enum Wrong: Int64, CaseIterable, Sendable {
        case in1970 = -1_700_000_000
        case in2099 = 2_371_000_000
        case daysAhead = 345_600
    }

    /// Which of ten segments are written while it is wrong.
    static let places: [[Int]] = [[0], [4], [8], [4, 5], [0, 1], [7, 8]]

    /// A log of ten segments of one event each, a day between them, each written in a life of its own or all in one.
    private func log(_ wrong: Wrong, _ places: [Int], inOneLife: Bool) throws -> (SimulatedDisk, TestClocks) {
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        if places.contains(0) { clocks.jump(seconds: wrong.rawValue) }
        var log = try clocks.open(disk)
        for number in 0..<10 {
            if number > 0 {
                clocks.advance(seconds: Self.day)
                if places.contains(number) != places.contains(number - 1) {
                    clocks.jump(seconds: places.contains(number) ? wrong.rawValue : -wrong.rawValue)
                }
                if !inOneLife {
                    try log.store.closeCleanly()
                    log = try clocks.open(disk, seed: UInt64(number) + 10)
                }
                _ = try log.store.rotate()
            }
            try log.append([StoreSample.event(UInt64(number), size: 500)])
            try log.maintain()
            if inOneLife {
                let report = try log.store.applyRetention(Retention(maxAge: .seconds(Self.day * 30)))
                #expect(report.removed.isEmpty, "\(wrong) \(places) \(number): \(report)")
            }
        }
        try log.store.closeCleanly()
        return (disk, clocks)
    }

    @Test(arguments: Wrong.allCases, places)
    func `Nothing goes early, and all goes with the next segment that is right`(_ wrong: Wrong, _ places: [Int]) throws
    {
        for inOneLife in [false, true] {
            let (disk, clocks) = try log(wrong, places, inOneLife: inOneLife)
            // The last of the ten was written on the tenth day.
            for half in 0..<40 {
                let note = "\(wrong) \(places) \(inOneLife) after \(half) half days"
                let reading = try clocks.open(disk, seed: 99) { $0.readOnly = true }
                let report = try reading.store.retentionPlan(Retention(maxAge: .seconds(3 * Self.day)))
                let now = 9 * 2 + half
                let gone = report.removed.count
                // In half days: segment n is of 2 n, and goes behind 6.
                if gone > 0 { #expect(2 * (gone - 1) + 6 < now, "\(note): early: \(report)") }
                for number in 0..<9 {
                    // The next one that is right; one that is ahead by a time that is past may count itself.
                    var due = number
                    while places.contains(due) { due += 1 }
                    if wrong == .daysAhead {
                        due = max(due, places.filter { $0 <= number }.map { $0 + 4 }.max() ?? 0)
                    }
                    #expect(gone > number || now <= 2 * due + 6, "\(note): too long: \(number), \(report)")
                }
                for place in places where place < 9 && place <= gone && wrong != .daysAhead {
                    let isTold = report.ageDoubts.contains { $0.lsns.lowerBound.rawValue == UInt64(place) + 1 }
                    #expect(isTold, "\(note): \(report)")
                }
                clocks.advance(seconds: Self.day / 2)
            }
        }
    }

    @Test func `Nothing goes because the clock is set forward while the log is open`() throws {
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        let log = try clocks.open(disk)
        func fill(_ count: Int) throws {
            for _ in 0..<count {
                clocks.advance(seconds: Self.day)
                _ = try log.store.rotate()
                try log.append([StoreSample.event(1, size: 500)])
                try log.maintain()
            }
        }
        let policy = Retention(maxAge: .seconds(10 * Self.day))
        try fill(4)
        _ = try log.store.applyRetention(policy)
        clocks.jump(seconds: 400 * Self.day)
        #expect(try log.store.applyRetention(policy).clockTrouble == .jumped(.seconds(400 * Self.day)))
        for _ in 0..<3 {
            let report = try log.store.applyRetention(policy)
            #expect(report.removed.isEmpty)
            #expect(report.ageDoubts.first?.reason == .clockSetForward)
        }
        // Whatever it was before, time passes: the first event was written on the second day, and goes behind the tenth.
        try fill(7)
        #expect(try log.store.applyRetention(policy).removed.isEmpty)
        try fill(2)
        #expect(try log.store.applyRetention(policy).removed.map(\.firstLSN) == [1, 2])
        clocks.jump(seconds: -400 * Self.day)
        #expect(try log.store.applyRetention(policy).removed.isEmpty)
        try fill(2)
        #expect(try log.store.applyRetention(policy).removed.map(\.firstLSN) == [3, 4])
        // What was written while it was set forward goes with what follows.
        try fill(20)
        _ = try log.store.applyRetention(policy)
        #expect(log.store.firstLSN > 13)
    }

    @Test(arguments: [false, true])
    func `Segments that are not sealed are known by their times`(_ readsOnly: Bool) throws {
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        let log = try clocks.open(disk)
        for number in 0..<6 {
            clocks.advance(seconds: Self.day)
            _ = try log.store.rotate()
            try log.append([StoreSample.event(UInt64(number), size: 500), StoreSample.event(7, size: 3000)])
            try log.store.sync()
        }
        try log.store.abandon()
        let again = try clocks.open(disk, seed: 2) { $0.readOnly = readsOnly }
        #expect(try again.store.segments().filter { $0.state == .rolled }.count == 5)
        let plan = try again.store.retentionPlan(Retention(maxAge: .seconds(Self.day * 5 / 2)))
        #expect(plan.removed.map(\.firstLSN) == [1, 3, 5])
        #expect(plan.ageDoubts.isEmpty && plan.clockTrouble == nil)
        clocks.jump(seconds: -Self.day)
        let later = try clocks.open(disk, seed: 3) { $0.readOnly = true }
        #expect(
            try later.store.retentionPlan(Retention(maxAge: .seconds(Self.day))).clockTrouble
                == .behind(.seconds(Self.day)))
    }

    @Test(arguments: 0..<12)
    func `Whatever the clock did for a segment or two, nothing goes early`(_ round: Int) throws {
        var random = SeededGenerator(seed: testSeed &+ UInt64(round))
        func pick(_ count: Int64) -> Int64 { Int64(random.next() >> 33) % count }
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        var log = try clocks.open(disk)
        var times: [UInt64: Int64] = [:]
        var offset: Int64 = 0
        var left: Int64 = 0
        let maxAge: Int64 = 5 * Self.day
        for step in 0..<150 {
            let note = "WAL_SEED=\(testSeed) round \(round) step \(step)"
            let atBorder = pick(4) == 0
            if atBorder, log.store.writtenLSN > 0 {
                _ = try log.store.rotate()
                left -= 1
                if offset != 0, left <= 0 {
                    clocks.jump(seconds: -offset)
                    // Time enough for the log to have something right in between.
                    (offset, left) = (0, 4)
                } else if offset == 0, left <= 0, pick(3) == 0 {
                    offset = [-1_700_000_000, -90 * Self.day, 10 * Self.day, 2_371_000_000][Int(pick(4))]
                    left = 1 + pick(2)
                    clocks.jump(seconds: offset)
                }
            }
            times[log.store.writtenLSN + 1] = clocks.both.monotonic
            try log.append([StoreSample.event(UInt64(step), size: 300)])
            clocks.advance(seconds: pick(Self.day))
            if pick(3) == 0 { try log.maintain() }
            let report = try log.store.applyRetention(Retention(maxAge: .seconds(maxAge)))
            for item in report.removed {
                let written = times[item.lastLSN.rawValue] ?? .max
                #expect(written < clocks.both.monotonic - maxAge * Self.second, "\(note): \(report)")
            }
            // A life that begins with a wrong clock can't know.
            if offset == 0, pick(20) == 0 {
                try log.store.sync()
                try log.store.abandon()
                log = try clocks.open(disk, seed: UInt64(step) + 5)
            }
        }
        clocks.jump(seconds: -offset)
        for _ in 0..<6 {
            clocks.advance(seconds: 3 * Self.day)
            _ = try log.store.rotate()
            try log.append([[1]])
            _ = try log.store.applyRetention(Retention(maxAge: .seconds(maxAge)))
        }
        #expect(try log.store.segments().count <= 6, "WAL_SEED=\(testSeed) round \(round)")
    }
}
