import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Nobody waits for the work of the background")
struct BackgroundWorkConcurrencyTests {
    private static let segmentSize = 32 << 10

    private static func append(_ log: WriteAheadLog, segments: Int) throws {
        for number in 0..<segments {
            for _ in 0..<10 { try log.append([UInt8](repeating: UInt8(number % 7), count: 2000)) }
            try log.rotate()
        }
        try log.sync()
    }

    /// All that changes files, and what waits behind it.
    private static func useEverything(_ log: WriteAheadLog) throws {
        try log.truncate(before: 15)
        try log.saveCheckpoint("consumer", at: 20)
        _ = try log.applyRetention(Retention(maxSegments: 6))
        try log.truncate(after: LSN(log.lastLSN.rawValue - 5))
        try log.appendDurably([1])
        try log.rotate()
        try log.appendDurably([2])
        try log.removeCheckpoint("consumer")
        _ = try log.segments()
    }

    private static func expectIsNotHeldUp(_ log: WriteAheadLog, by gate: DiskGate) throws {
        let failure = Shared<(any Error)?>(nil)
        let user = try SystemThread(name: "user") {
            do { try useEverything(log) } catch { failure.value = error }
        }
        // For ever, if anything waits for what is held up.
        user.join()
        gate.open()
        #expect(failure.value == nil)
    }

    @Test(
        "Truncation, cuts, retention and appends go on while a segment is compressed, and what was removed is not published",
        .hangGuard, arguments: [StorageError.Operation.write, .sync])
    func compression(operation: StorageError.Operation) throws {
        let disk = SimulatedDisk()
        let gate = DiskGate(suffix: ".seg.zst.tmp")
        let recorder = Recorder()
        var options = testOptions(gate.guarding(disk.backend), segmentSize: Self.segmentSize)
        options.compression = .zstd(level: 1, blockSize: 4096)
        options.indexSpacing = 4096
        options.observer = recorder
        gate.shut(operation)
        let log = try WriteAheadLog.open(at: "/compress", options: options)
        try Self.append(log, segments: 12)
        gate.waitUntilHeld()
        try Self.expectIsNotHeldUp(log, by: gate)
        // All that is left is compressed, and nothing of what has gone is left.
        waitUntil { (try? log.segments())?.allSatisfy { $0.state == .active || $0.isCompressed } == true }
        #expect(recorder.events.allSatisfy { if case .error = $0 { false } else { true } })
        #expect(try log.verify().findings.isEmpty)
        let kept = try Set(log.segments().map(\.path))
        try log.shutdown()
        let left = try disk.backend.list("/compress").filter { $0.contains(".seg") }
        #expect(Set(left.map { "/compress/" + $0 }) == kept)
    }

    #if os(Linux)
    @Test("They go on while a segment that was found at open is read to be sealed", .hangGuard)
    func sealing() throws {
        let disk = SimulatedDisk()
        let gate = DiskGate(thread: "wal-maintain")
        var options = testOptions(gate.guarding(disk.backend), segmentSize: Self.segmentSize)
        gate.fail(.truncate, ErrorNumber.io)
        var log = try WriteAheadLog.open(at: "/seal", options: options)
        try Self.append(log, segments: 12)
        try log.close()
        options.storage = gate.guarding(disk.backend)
        gate.fail(.truncate, nil)
        gate.shut(.read)
        log = try WriteAheadLog.open(at: "/seal", options: options)
        #expect(try log.segments().contains { $0.state == .rolled })
        gate.waitUntilHeld()
        try Self.expectIsNotHeldUp(log, by: gate)
        waitUntil { (try? log.segments())?.allSatisfy { $0.state != .rolled } == true }
        #expect(try log.verify().findings.isEmpty)
        try log.shutdown()
    }
    #endif

    @Test("Calls that compress take turns, and the log can be closed under them", .hangGuard)
    func manyCallers() throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, segmentSize: Self.segmentSize)
        options.compression = .zstd(level: 1, blockSize: 4096)
        options.indexSpacing = 4096
        let log = try WriteAheadLog.open(at: "/callers", options: options)
        try Self.append(log, segments: 30)
        let ended = Shared<[WalError.Code?]>([])
        let callers = try (0..<3).map { _ in
            try SystemThread(name: "caller") {
                let end = code { try log.compress() }
                ended.update { $0.append(end) }
            }
        }
        try log.truncate(before: 95)
        try log.shutdown()
        for caller in callers { caller.join() }
        #expect(ended.value.allSatisfy { $0 == nil || $0 == .closed })
        #expect(disk.openHandles == 0)
        #expect(try disk.backend.list("/callers").allSatisfy { !$0.hasSuffix(".tmp") })
    }

    @Test("Who starts a segment comes before the next commit, though who commits asks again at once", .hangGuard)
    func commitToken() throws {
        let order = Shared<[String]>([])
        let gate = DiskGate()
        let storage = HookStorage(base: SimulatedDisk().backend) { operation, path throws(StorageError) in
            if operation == .rename, path.hasSuffix("next.tmp") { order.update { $0.append("roll") } }
            if operation == .sync, path.hasSuffix(".seg"), currentThreadName == "leader" {
                order.update { $0.append("sync") }
            }
        }
        var options = testOptions(gate.guarding(storage))
        options.preallocation = .growing
        let log = try WriteAheadLog.open(at: "/token", options: options)
        gate.shut(.sync)
        let leader = try SystemThread(name: "leader") {
            for _ in 0..<20 { _ = code { try log.appendDurably([1]) } }
        }
        gate.waitUntilHeld()
        let roller = try WatchedThread(name: "roller") { _ = code { try log.rotate() } }
        #expect(roller.fallsAsleep())
        gate.open()
        roller.join()
        leader.join()
        #if os(Linux)
        #expect(order.value.prefix(2) == ["sync", "roll"])
        #endif
        try log.shutdown()
    }
}
