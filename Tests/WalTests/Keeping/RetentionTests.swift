import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A log keeps what its policy says, by itself")
struct RetentionTests {
    private func options(_ disk: SimulatedDisk, _ policy: Retention, _ sync: SyncPolicy = .batch)
        -> WriteAheadLog.Options
    {
        var options = testOptions(disk.storage, sync: sync, segmentSize: 16 << 10)
        options.retention = policy
        return options
    }

    @Test(
        "The disk is bounded by the policy and the segments in hand", .hangGuard,
        arguments: [SyncPolicy.batch, .never, .bytes(5000)])
    func boundsDisk(_ sync: SyncPolicy) throws {
        let disk = SimulatedDisk()
        let recorder = Recorder()
        var options = options(disk, Retention(maxBytes: 100_000, maxSegments: 40), sync)
        options.observer = recorder
        // None of its events may be lost, however late the observer's thread is.
        options.observerQueue = 1 << 20
        let log = try WriteAheadLog.open(at: "/log", options: options)
        var most = 0
        for number in 0..<6000 {
            try log.append([UInt8](repeating: UInt8(number % 251), count: 700))
            most = max(most, disk.usedBytes)
        }
        // In hand: the active segment, the spare, eight that are rolled, four settled ones, some two dozen that a single write
        // can fill before anybody looks (a staging block of 256 KiB); and once more that, which a thread has settled or is
        // removing that gets no processor. All of it together is 350 segments.
        #expect(most <= 100_000 + 2 * (2 + 8 + 4 + 24) * 16_384)
        try log.rotate()
        try log.sync()
        waitUntil { ((try? log.segments()) ?? []).reduce(0) { $0 + $1.usedBytes } <= 100_000 }
        #expect(log.firstLSN > 1 && log.lastLSN == 6000)
        try log.shutdown()
        waitUntil { recorder.states.last == .closed }
        let removed = recorder.events.compactMap { event in
            if case .retained(let report) = event { report.removed.map(\.firstLSN) } else { nil }
        }
        let deleted = recorder.events.compactMap { event in
            if case .segmentDeleted(let lsn, _) = event { lsn } else { nil }
        }
        #expect(removed.flatMap { $0 } == deleted)
        let again = try WriteAheadLog.open(at: "/log", options: self.options(disk, Retention()))
        #expect(try again.events().count == Int(6001 - again.firstLSN.rawValue))
        try again.shutdown()
    }

    @Test("Age is looked at on a timer, without anything else happening", .hangGuard)
    func ages() throws {
        let disk = SimulatedDisk()
        var options = options(disk, Retention(maxAge: .milliseconds(20)))
        options.retentionInterval = .milliseconds(5)
        let log = try WriteAheadLog.open(at: "/log", options: options)
        for number in 0..<5 {
            try log.append([UInt8(number)])
            try log.rotate()
        }
        try log.append([9])
        try log.sync()
        // The files go a moment after their events.
        waitUntil { log.firstLSN == 6 && (try? log.segments().count) == 1 }
    }

    @Test("On request, with a policy of its own or the log's; a dry run changes nothing")
    func onRequest() async throws {
        let disk = SimulatedDisk()
        let log = try await WriteAheadLog.open(at: "/log", options: testOptions(disk.storage, segmentSize: 16 << 10))
        for number in 0..<5 {
            try await log.append([UInt8(number)])
            try await log.rotate()
        }
        #expect(try await log.applyRetention().removed.isEmpty)
        let plan = try await log.retentionPlan(Retention(maxSegments: 2))
        #expect(plan.removed.count == 4 && log.firstLSN == 1)
        try await log.saveCheckpoint("slow", at: 2)
        #expect(try await log.retentionPlan(Retention(maxSegments: 2)).held.map(\.heldBy) == [["slow"], ["slow"]])
        #expect(try await log.applyRetention(Retention(maxSegments: 2)).removed.count == 2)
        #expect(log.firstLSN == 3)
        let report = try await log.applyRetention(Retention(maxSegments: 2, overridesCheckpoints: true))
        #expect(report.passed == [.init(name: "slow", lost: 3...4)])
        #expect(code { _ = try log.iterator(fromCheckpoint: "slow") } == .checkpointFellBehind)
        #expect(code { _ = try log.applyRetention(Retention(maxSegments: 0)) } == .invalidArgument)
        try await log.shutdown()
        #expect(code { _ = try log.applyRetention(Retention(maxSegments: 1)) } == .closed)
        #expect(code { _ = try log.retentionPlan(Retention(maxSegments: 1)) } == .closed)
    }

    @Test("On a full disk it makes room by itself", .hangGuard, arguments: [SyncPolicy.batch, .never])
    func makesRoom(_ sync: SyncPolicy) throws {
        let disk = SimulatedDisk()
        // The limit of segments alone would let it grow for long; a checkpoint holds all back at first.
        let log = try WriteAheadLog.open(at: "/log", options: options(disk, Retention(maxSegments: 3), sync))
        try log.saveCheckpoint("slow", at: 0)
        disk.capacity = 200_000
        var accepted: UInt64 = 0
        while true {
            let error = code { try log.append([UInt8](repeating: 1, count: 700)) }
            if error == .diskFull { break }
            #expect(error == nil)
            accepted += 1
        }
        try log.removeCheckpoint("slow")
        // The pass after the next try finds that nothing is held any more.
        waitUntil { code { try log.append([7]) } == nil }
        waitUntil { code { try log.sync() } == nil }
        #expect(log.lastLSN.rawValue >= accepted + 1)
        #expect(log.firstLSN > 1)
    }

    @Test("Limits that can't be used are refused at open")
    func options() {
        for policy in [Retention(maxBytes: 0), Retention(maxAge: .seconds(-1)), Retention(maxSegments: -1)] {
            let options = options(SimulatedDisk(), policy)
            #expect(code { _ = try WriteAheadLog.open(at: "/log", options: options) } == .invalidOption)
        }
        for interval in [Duration.zero, .seconds(86_400 * 366)] {
            var options = options(SimulatedDisk(), Retention())
            options.retentionInterval = interval
            #expect(code { _ = try WriteAheadLog.open(at: "/log", options: options) } == .invalidOption)
        }
    }

    @Test("Reading by time gives out these events alone, in order")
    func time() throws {
        let log = try WriteAheadLog.open(
            at: "/log", options: testOptions(SimulatedDisk().storage, segmentSize: 16 << 10))
        // Times go up and down.
        let times = (0..<200).map { EventTime(nanosecondsSince1970: Int64($0 * 37 % 100)) }
        for (number, time) in times.enumerated() {
            try log.append([UInt8(number)], meta: nil, time: time)
            if number % 30 == 29 { try log.rotate() }
        }
        try log.sync()
        let since = EventTime(nanosecondsSince1970: 20)
        let until = EventTime(nanosecondsSince1970: 60)
        let expected = times.indices.filter { times[$0] >= since && times[$0] < until }.map { LSN(UInt64($0 + 1)) }
        var found: [LSN] = []
        try log.replay(since: since, until: until) { event in
            found.append(event.lsn)
            return .continue
        }
        #expect(found == expected)
        var iterator = try log.iterator(from: 50, through: 150, since: since, until: until)
        var pulled: [LSN] = []
        while let event = try iterator.next() { pulled.append(event.lsn) }
        #expect(pulled == expected.filter { $0 >= 50 && $0 <= 150 })
        #expect(
            try log.firstLSN(since: EventTime(nanosecondsSince1970: 99))
                == expected.first.map { _ in LSN(UInt64(times.firstIndex { $0.nanosecondsSince1970 >= 99 } ?? 0) + 1) })
        #expect(try log.firstLSN(since: EventTime(nanosecondsSince1970: 1000)) == 201)
        var stopped = 0
        try log.replay(since: nil, until: until) { _ in
            stopped += 1
            return .stop
        }
        #expect(stopped == 1)
    }
}
