import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("Promise 9: what is at a limit is stored whole, what is past it is refused before it has an LSN")
struct Promise09LimitTests {
    @Test("Meta of 65,536 bytes and of the largest size, keys of the largest size", .hangGuard)
    func meta() throws {
        let disk = SimulatedDisk()
        let options = testOptions(disk.storage, segmentSize: 4 << 20)
        let log = try WriteAheadLog.open(at: "/meta", options: options)
        let metas = [0, 65_535, 65_536, Layout.metaBytesMax].map { [UInt8](repeating: UInt8($0 % 251), count: $0) }
        let key = [UInt8](repeating: 9, count: Layout.keyBytesMax)
        for meta in metas { try log.append([], meta: meta, key: key, time: EventTime(nanosecondsSince1970: 5)) }
        #expect(code { try log.append([], meta: [UInt8](repeating: 0, count: Layout.metaBytesMax + 1)) } == .tooLarge)
        #expect(code { try log.append([], meta: nil, key: key + [0]) } == .tooLarge)
        try log.shutdown()
        let again = try WriteAheadLog.open(at: "/meta", options: options)
        let events = try again.events()
        #expect(events.map(\.meta) == metas)
        #expect(events.allSatisfy { $0.key == key && $0.payload.isEmpty && $0.time.nanosecondsSince1970 == 5 })
        try again.shutdown()
    }

    @Test("Batches of 65,537 and of 1,000,000 events", .hangGuard, arguments: [65_537, 1_000_000])
    func batches(count: Int) throws {
        let disk = SimulatedDisk()
        let options = testOptions(disk.storage, segmentSize: 16 << 20)
        let log = try WriteAheadLog.open(at: "/batch-\(count)", options: options)
        try log.append([1])
        var batch = EventBatch()
        for number in 0..<count {
            try batch.append([UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8), 7])
        }
        #expect(try log.append(batch) == LSN(UInt64(count) + 1))
        try log.append([2])
        try log.shutdown()
        let again = try WriteAheadLog.open(at: "/batch-\(count)", options: options)
        var seen: UInt64 = 0
        var wrong = 0
        try again.replay { event in
            seen += 1
            if event.lsn.rawValue != seen { wrong += 1 }
            if seen > 1 && seen <= UInt64(count) + 1 {
                let number = Int(seen) - 2
                let expected = [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8), 7]
                if event.payloadBytes != expected { wrong += 1 }
            }
            return .continue
        }
        #expect(wrong == 0)
        #expect(seen == UInt64(count) + 2)
        try again.shutdown()
    }

    @Test(
        "An event, and a batch, as large as a segment allows; one byte more is refused", .hangGuard,
        arguments: [16 << 10, 64 << 10, 1 << 20])
    func largest(segmentSize: Int) throws {
        let disk = SimulatedDisk()
        let options = testOptions(disk.storage, segmentSize: segmentSize)
        let name = "/largest-\(segmentSize)"
        let log = try WriteAheadLog.open(at: name, options: options)
        let unit = Layout.largestBody(segmentSize: UInt64(segmentSize), indexSpacing: options.indexSpacing)
        // A record's head is four bytes.
        let largest = (0..<(unit - 4)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try log.append([1])
        try log.append(largest)
        try log.append([2])
        var batch = EventBatch()
        try batch.append([UInt8](repeating: 1, count: unit - 4 - 104))
        try batch.append([UInt8](repeating: 2, count: 100))
        #expect(try log.append(batch) == 5)
        #expect(code { try log.append(largest + [0]) } == .tooLarge)
        #expect(
            code {
                var batch = EventBatch()
                try batch.append([UInt8](repeating: 1, count: unit - 4 - 103))
                try batch.append([UInt8](repeating: 2, count: 100))
                try log.append(batch)
            } == .tooLarge)
        #expect(log.lastAssignedLSN == 5)
        try log.shutdown()
        let again = try WriteAheadLog.open(at: name, options: options)
        let events = try again.events()
        #expect(events.count == 5)
        #expect(events[1].payload == largest)
        #expect(events[4].payload == [UInt8](repeating: 2, count: 100))
        #expect(try again.verify().isIntact)
        try again.shutdown()
    }

    @Test("The last LSN there is can be used, and none after it", .hangGuard)
    func lastLSN() throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage)
        options.startLSN = LSN(LSN.max.rawValue - 1)
        let log = try WriteAheadLog.open(at: "/last-lsn", options: options)
        try log.append([1])
        #expect(
            code {
                var batch = EventBatch()
                try batch.append([2])
                try batch.append([3])
                try log.append(batch)
            } == .lsnOverflow)
        #expect(try log.append([2]) == .max)
        #expect(code { try log.append([3]) } == .lsnOverflow)
        try log.sync()
        #expect(try log.events().map(\.payload) == [[1], [2]])
        try log.shutdown()
    }

    @Test("Every impossible option is refused by name", .hangGuard)
    func options() throws {
        let cases: [(String, (inout WriteAheadLog.Options) -> Void)] = [
            ("segmentSize", { $0.segmentSize = 0 }), ("segmentSize", { $0.segmentSize = -4096 }),
            ("segmentSize", { $0.segmentSize = (16 << 10) + 1 }),
            ("segmentSize", { $0.segmentSize = (2 << 30) + 4096 }),
            ("indexSpacing", { $0.indexSpacing = 0 }), ("indexSpacing", { $0.indexSpacing = .max }),
            ("sync", { $0.sync = .interval(.zero) }), ("sync", { $0.sync = .interval(.seconds(-1)) }),
            ("sync", { $0.sync = .interval(.seconds(Int64.max)) }), ("sync", { $0.sync = .bytes(0) }),
            ("queueBytes", { $0.queueBytes = 0 }), ("queueEvents", { $0.queueEvents = -1 }),
            ("observerQueue", { $0.observerQueue = 0 }), ("startLSN", { $0.startLSN = 0 }),
            ("startLSN", { $0.startLSN = LSN(.max) }),
        ]
        for (name, change) in cases {
            var options = testOptions(SimulatedDisk().storage)
            change(&options)
            do {
                _ = try WriteAheadLog.open(at: "/options", options: options)
                Issue.record("\(name) was accepted")
            } catch {
                #expect(error.code == .invalidOption)
                #expect(error.message.contains(name))
            }
        }
    }
}
