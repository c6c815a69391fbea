import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("Options that can't be are refused by name, before anything is made")
struct OptionTests {
    typealias Options = WriteAheadLog.Options

    static let impossible: [(String, @Sendable (inout Options) -> Void)] = [
        ("segmentSize", { $0.segmentSize = 0 }),
        ("segmentSize", { $0.segmentSize = -4096 }),
        ("segmentSize", { $0.segmentSize = 12 << 10 }),
        ("segmentSize", { $0.segmentSize = (16 << 10) + 1 }),
        ("segmentSize", { $0.segmentSize = (2 << 30) + 4096 }),
        ("segmentSize", { $0.segmentSize = Int.max }),
        ("segmentSize", { $0.segmentSize = Int.min }),
        ("indexSpacing", { $0.indexSpacing = 4095 }),
        ("indexSpacing", { $0.indexSpacing = (16 << 20) + 1 }),
        ("indexSpacing", { $0.indexSpacing = -1 }),
        ("sync", { $0.sync = .interval(.zero) }),
        ("sync", { $0.sync = .interval(.seconds(-1)) }),
        ("sync", { $0.sync = .interval(.seconds(Int64.max)) }),
        ("sync", { $0.sync = .bytes(0) }),
        ("sync", { $0.sync = .bytes(Int.min) }),
        ("queueBytes", { $0.queueBytes = 0 }),
        ("queueBytes", { $0.queueBytes = -1 }),
        ("queueEvents", { $0.queueEvents = 0 }),
        ("queueEvents", { $0.queueEvents = Int.min }),
        ("observerQueue", { $0.observerQueue = 0 }),
        ("startLSN", { $0.startLSN = 0 }),
        ("startLSN", { $0.startLSN = LSN(UInt64.max) }),
    ]

    @Test("Each impossible value", arguments: 0..<impossible.count)
    func refused(index: Int) throws {
        let (name, change) = Self.impossible[index]
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage)
        change(&options)
        do throws(WalError) {
            _ = try WriteAheadLog.open(at: "/refused", options: options)
            Issue.record("\(name) was taken")
        } catch {
            #expect(error.code == .invalidOption)
            #expect(error.message.contains(name), "\(error.message)")
        }
        #expect(try disk.backend.list("/").isEmpty)
    }

    @Test("The values at the edges work", .hangGuard)
    func edges() throws {
        let changes: [@Sendable (inout Options) -> Void] = [
            { $0.segmentSize = 16 << 10 }, { $0.indexSpacing = 4 << 10 }, { $0.indexSpacing = 16 << 20 },
            { $0.sync = .interval(.nanoseconds(1)) }, { $0.sync = .interval(.seconds(86_400 * 365)) },
            { $0.sync = .bytes(1) }, { $0.sync = .bytes(Int.max) }, { $0.queueBytes = 1 },
            { $0.queueBytes = Int.max }, { $0.queueEvents = 1 }, { $0.queueEvents = Int.max },
        ]
        for change in changes {
            var options = testOptions(SimulatedDisk().storage)
            change(&options)
            let log = try WriteAheadLog.open(at: "/edges", options: options)
            for number in 0..<50 { try log.append([UInt8](repeating: UInt8(number), count: 300)) }
            try log.shutdown()
            #expect(log.durableLSN == 50)
        }
    }

    @Test("The last LSN of all can be used once, and the log opens again behind it", .hangGuard)
    func lastLSN() throws {
        var options = testOptions(SimulatedDisk().storage)
        options.startLSN = .max
        let log = try WriteAheadLog.open(at: "/last", options: options)
        #expect(try log.append([1]) == .max)
        #expect(code { try log.append([2]) } == .lsnOverflow)
        let refusal = code {
            var batch = EventBatch()
            try batch.append([3])
            try log.append(batch)
        }
        #expect(refusal == .lsnOverflow)
        try log.shutdown()
        let again = try WriteAheadLog.open(at: "/last", options: options)
        #expect(try again.events().map(\.lsn) == [.max])
        #expect(code { try again.append([2]) } == .lsnOverflow)
        try again.shutdown()
    }
}
