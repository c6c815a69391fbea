import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// Whatever number a caller gives, a call does its work or throws; it never ends the process.
@Suite(.serialized) struct ExtremeValueTests {
    private static let numbers: [UInt64] = [
        0, 1, 2, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 3, .max - 2,
        .max - 1, .max,
    ]
    private static let integers: [Int] = [
        .min, .min + 1, -(1 << 32), -1, 0, 1, 2, (1 << 31) - 1, 1 << 31, 1 << 32, .max - 1, .max,
    ]
    private static let times: [Int64] = [.min, .min + 1, -(1 << 32), -1, 0, 1, 1 << 31, .max - 1, .max]
    private static let durations: [Duration] = [
        .seconds(Int64.min), .seconds(-1), .nanoseconds(-1), .zero, .nanoseconds(1), .seconds(Int64.max),
        .nanoseconds(Int64.max),
    ]

    private static func open(_ disk: SimulatedDisk, from start: UInt64) throws -> WriteAheadLog {
        var options = testOptions(disk.storage, segmentSize: 16 << 10)
        options.startLSN = LSN(start)
        return try WriteAheadLog.open(at: "/log", options: options)
    }

    // MARK: LSNs

    @Test(
        .hangGuard,
        arguments: [1, 2, (1 << 31) - 2, (1 << 32) - 2, (1 << 63) - 3, .max - 6, .max - 2, .max - 1] as [UInt64])
    func everyCallTakesEveryLSN(from start: UInt64) throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk, from: start)
        for index in 0..<4 where start <= .max - 1 - UInt64(index) {
            try log.append([UInt8](repeating: 1, count: 3000))
            if index % 2 == 1 { try log.rotate() }
        }
        try log.sync()
        try log.saveCheckpoint("a", at: log.lastLSN)
        let checkpoint = try log.checkpoint("a")
        let near = [start &- 1, start, log.lastLSN.rawValue, log.lastLSN.rawValue + 1]
        for number in Self.numbers + near {
            let lsn = LSN(number)
            _ = code { try log.replay(from: lsn) { _ in .continue } }
            _ = code { try log.replay(from: lsn, through: lsn, since: nil) { _ in .continue } }
            _ = code { try log.waitDurable(lsn) }
            _ = code { _ = try log.position(of: lsn) }
            for epoch in [0, 1, .max - 1, .max] as [UInt32] {
                let position = Position(lsn: lsn, epoch: epoch, incarnation: number)
                #expect(Position("\(position)") == position)
                _ = code { try log.check(position) }
                _ = code { try log.replay(after: position) { _ in .continue } }
                _ = code { try log.saveCheckpoint("b", at: position) }
                var moved = checkpoint
                moved.position = position
                _ = code { _ = try log.resumePoint(of: moved) }
            }
            _ = code { try log.saveCheckpoint("b", at: lsn) }
            _ = code { try log.append([1], expecting: LSN(log.lastAssignedLSN.rawValue ^ (number | 1))) }
            _ = code {
                var follower = try log.follow(from: lsn, delivering: .written)
                _ = follower.lag
                _ = try follower.nextOwned(timeout: .zero)
            }
            // One that starts behind the end waits for what comes.
            if number <= log.lastLSN.rawValue || number > log.lastLSN.rawValue + 1 {
                var options = ConsumerOptions()
                options.start = lsn
                _ = code { try log.consume("c\(number)", options: options) { _ in .stop } }
            }
            #expect(code { try log.truncate(after: lsn, overridingCheckpoints: false) } != .failed)
        }
        for number in Self.numbers { _ = code { try log.truncate(before: LSN(number)) } }
        #expect(log.firstLSN.rawValue <= log.lastLSN.rawValue + 1)
        #expect(log.state == .running)
        try log.shutdown()
        try Self.open(disk, from: 1).shutdown()
    }

    @Test(.hangGuard, arguments: [Padding.none, .sector(512)])
    func theLastLSNIsUsedLikeAnyOther(_ padding: Padding) throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, segmentSize: 16 << 10)
        options.startLSN = LSN(LSN.max.rawValue - 3)
        options.padding = padding
        var log = try WriteAheadLog.open(at: "/log", options: options)
        // As many as are left would fit; one more does not, and uses none of them.
        let refused = code {
            var batch = EventBatch()
            for _ in 0..<5 { try batch.append([1]) }
            try log.append(batch)
        }
        #expect(refused == .lsnOverflow)
        try log.append([1])
        #expect(try log.rotate())
        try log.append([2])
        try log.append([3])
        #expect(try log.appendDurably([4]) == .max)
        for _ in 0..<2 {
            #expect(code { try log.append([5]) } == .lsnOverflow)
            #expect(code { try log.append([5], meta: [1]) } == .lsnOverflow)
            #expect(code { try log.appendDurably([5]) } == .lsnOverflow)
            // There is nothing that a new segment could begin with.
            #expect(try !log.rotate())
            #expect(log.lastLSN == .max && log.durableLSN == .max && log.lastAssignedLSN == .max)
            #expect(log.stats().lastAssignedLSN == .max)
            #expect(try log.events().map(\.payload) == [[1], [2], [3], [4]])
            #expect(try log.lastPosition().lsn == .max)
            try log.saveCheckpoint("end", at: .max)
            #expect(try log.resumePoint(of: try log.checkpoint("end")).rawValue == .max)
            #expect(code { try log.replay(from: LSN(UInt64.max)) { _ in .continue } } == nil)
            #expect(try log.firstLSN(since: EventTime(nanosecondsSince1970: .max)).rawValue == .max)
            var follower = try log.follow(from: LSN(UInt64.max))
            #expect(follower.lag == 0)
            #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(1)) } == .timedOut)
            #expect(code { try log.truncate(after: LSN(UInt64.max)) } == .notYetWritten)
            #expect(code { try log.truncate(before: LSN(UInt64.max)) } == .lsnOverflow)
            #expect(try log.verify(progress: nil).findings.isEmpty)
            try log.applyRetention(Retention(maxBytes: .max, maxAge: .seconds(Int64.max), maxSegments: .max))
            try log.compress()
            try log.shutdown()
            log = try WriteAheadLog.open(at: "/log", options: options)
            #expect(log.recovery.outcome == .clean)
        }
        try log.truncate(before: .max)
        #expect(log.firstLSN == .max)
        #expect(try log.events().map(\.payload) == [[4]])
        try log.removeCheckpoint("end")
        // What is cut off can be given out again.
        try log.truncate(after: LSN(LSN.max.rawValue - 1))
        #expect(try log.appendDurably([6]) == .max)
        try log.shutdown()
        log = try WriteAheadLog.open(at: "/log", options: options)
        #expect(try log.events().map(\.payload) == [[6]])
        try log.shutdown()
    }

    // MARK: Times

    @Test(.hangGuard) func everyTimeIsKept() throws {
        let disk = SimulatedDisk()
        var log = try Self.open(disk, from: 1)
        for round in 0..<2 {
            for time in Self.times {
                try log.append([1], meta: nil, time: EventTime(nanosecondsSince1970: time))
                var batch = EventBatch()
                try batch.append([2], time: EventTime(nanosecondsSince1970: time))
                try log.append(batch)
            }
            if round == 0 { try log.rotate() }
        }
        for _ in 0..<2 {
            #expect(Set(try log.events().map(\.time.nanosecondsSince1970)) == Set(Self.times))
            for time in Self.times {
                let since = EventTime(nanosecondsSince1970: time)
                _ = try log.firstLSN(since: since)
                for until in Self.times {
                    var seen = 0
                    try log.replay(since: since, until: EventTime(nanosecondsSince1970: until)) { _ in
                        seen += 1
                        return .continue
                    }
                    #expect(seen == 4 * Self.times.filter { $0 >= time && $0 < until }.count)
                }
            }
            _ = try log.segments()
            try log.compress()
            #expect(try log.verify(progress: nil).findings.isEmpty)
            try log.shutdown()
            log = try Self.open(disk, from: 1)
        }
        try log.shutdown()
    }

    // MARK: Durations, counts, sizes

    @Test(.hangGuard) func everyTimeoutIsTaken() throws {
        for duration in Self.durations {
            let log = try Self.open(SimulatedDisk(), from: 1)
            try log.append([1])
            var follower = try log.follow()
            _ = code { _ = try follower.nextOwned(timeout: duration) }
            if duration < .seconds(1) { _ = code { _ = try follower.nextOwned(timeout: duration) } }
            _ = code { try log.shutdown(timeout: duration) }
            _ = code { try log.close() }
        }
    }

    @Test(.hangGuard) func everyOptionIsTakenOrRefused() throws {
        typealias Change = (inout WriteAheadLog.Options) -> Void
        var changes: [Change] = []
        for value in Self.integers {
            // The legal sizes are tried elsewhere, and take their time.
            if value != 1 << 31 { changes.append { $0.segmentSize = value } }
            changes += [
                { $0.indexSpacing = value }, { $0.queueBytes = value }, { $0.queueEvents = value },
                { $0.observerQueue = value }, { $0.sync = .bytes(value) }, { $0.padding = .sector(value) },
                { $0.compression = .zstd(level: value) }, { $0.compression = .zstd(blockSize: value) },
                { $0.compression = .zstd(dictionarySize: value) },
                { $0.compression = .zstd(segments: .allButNewest(value)) },
                { $0.retention = Retention(maxSegments: value) },
                { $0.filePermissions = FilePermissions(rawValue: .init(truncatingIfNeeded: value)) },
            ]
        }
        for value in Self.numbers {
            changes += [{ $0.startLSN = LSN(value) }, { $0.retention = Retention(maxBytes: value) }]
        }
        for value in Self.durations {
            changes += [
                { $0.sync = .interval(value) }, { $0.retentionInterval = value },
                { $0.pollInterval = min(value, .zero)...max(value, .zero) },
                { $0.retention = Retention(maxAge: value) },
            ]
        }
        for change in changes {
            var options = testOptions(SimulatedDisk().storage, segmentSize: 16 << 10)
            change(&options)
            let found = code {
                let log = try WriteAheadLog.open(at: "/log", options: options)
                _ = code { try log.append([1, 2, 3]) }
                _ = code { try log.rotate() }
                _ = code { try log.sync() }
                _ = code { try log.applyRetention() }
                _ = code { try log.compress() }
                try log.shutdown()
            }
            #expect(found == nil || found == .invalidOption)
        }
    }

    @Test(.hangGuard) func everyOptionOfAConsumerIsTakenOrRefused() throws {
        let log = try Self.open(SimulatedDisk(), from: 1)
        try log.append([1])
        for (number, value) in Self.integers.enumerated() {
            var options = ConsumerOptions()
            options.checkpointEvery = value
            let found = code { try log.consume("n\(number)", options: options) { _ in .stop } }
            #expect(found == nil || found == .invalidOption)
        }
        for (number, value) in Self.durations.enumerated() {
            var options = ConsumerOptions()
            options.checkpointInterval = value
            let found = code { try log.consume("d\(number)", options: options) { _ in .stop } }
            #expect(found == nil || found == .invalidOption)
        }
        try log.shutdown()
    }

    @Test func everyCapacityOfABatchIsTaken() throws {
        for capacity in Self.integers {
            var batch = EventBatch(capacity: capacity)
            try batch.append([1, 2, 3])
            #expect(batch.count == 1)
        }
    }

    @Test(.hangGuard) func everyCapacityOfTheSimulatedDiskIsTaken() throws {
        for capacity in Self.integers {
            let disk = SimulatedDisk()
            disk.capacity = capacity
            let found = code {
                let log = try Self.open(disk, from: 1)
                _ = code { try log.append([1]) }
                _ = code { try log.sync() }
                _ = code { try log.close() }
            }
            #expect(found == nil || found == .diskFull)
            for offset in Self.integers { _ = disk.corrupt("/log/LOG", at: offset, xor: 1) }
        }
    }
}
