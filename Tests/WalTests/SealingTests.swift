import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

#if os(Linux)
/// The gate knows the maintenance thread by its name.
@Suite("No more than a few segments are left unsealed, however the background gets on")
struct SealingTests {
    /// A log whose background can't seal.
    private static func open(_ disk: SimulatedDisk, _ gate: DiskGate) throws -> WriteAheadLog {
        gate.fail(.truncate, ErrorNumber.io)
        return try WriteAheadLog.open(
            at: "/sealing", options: testOptions(gate.guarding(disk.backend), segmentSize: 16 << 10))
    }

    private static func append(_ log: WriteAheadLog, segments: Int) throws {
        for _ in 0..<segments {
            try log.append([UInt8](repeating: 1, count: 1000))
            try log.rotate()
        }
    }

    private static func unsealed(_ log: WriteAheadLog) throws -> Int {
        try log.segments().count(where: { $0.state == .rolled })
    }

    private static func unsealed(_ disk: SimulatedDisk) throws -> Int {
        var options = testOptions(disk.storage)
        options.readOnly = true
        let log = try WriteAheadLog.open(at: "/sealing", options: options)
        defer { try? log.close() }
        #expect(try log.verify().findings.isEmpty)
        return try unsealed(log)
    }

    @Test("An orderly close leaves at most eight", .hangGuard, arguments: [3, 9, 40])
    func orderlyClose(segments: Int) throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk, DiskGate(thread: "wal-maintain"))
        try Self.append(log, segments: segments)
        try log.shutdown()
        #expect(try Self.unsealed(disk) == min(segments, LogStore.unsealedAtEndMax))
        #expect(disk.openHandles == 0)
    }

    @Test("So it does run after run, with those left by the ones before, by a close and by a kill", .hangGuard)
    func manyRuns() throws {
        let disk = SimulatedDisk()
        for run in 0..<4 {
            let log = try Self.open(disk, DiskGate(thread: "wal-maintain"))
            try Self.append(log, segments: 12)
            if run == 1 {
                try log.sync()
                try log.close()
            } else {
                try log.shutdown()
                #expect(try Self.unsealed(disk) <= LogStore.unsealedAtEndMax)
            }
        }
    }

    @Test("One that can't be sealed keeps neither the others nor the log from it", .hangGuard)
    func failing() throws {
        let disk = SimulatedDisk()
        let failed = Shared(0)
        let gate = DiskGate(thread: "wal-maintain")
        let storage = HookStorage(base: disk.backend) { operation, path throws(StorageError) in
            guard operation == .truncate, path.hasSuffix("1.seg") else { return }
            failed.update { $0 += 1 }
            throw StorageError(.truncate, path, errno: ErrorNumber.io)
        }
        gate.fail(.truncate, ErrorNumber.io)
        let log = try WriteAheadLog.open(
            at: "/sealing", options: testOptions(gate.guarding(storage), segmentSize: 16 << 10))
        try Self.append(log, segments: 20)
        try log.shutdown()
        #expect(failed.value > 0)
        #expect(try Self.unsealed(disk) == LogStore.unsealedAtEndMax)
    }

    @Test("The writer seals where the background doesn't keep up", .hangGuard)
    func whileRunning() throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk, DiskGate(thread: "wal-maintain"))
        var most = 0
        for _ in 0..<4 {
            try Self.append(log, segments: 50)
            try log.flush()
            most = max(most, try Self.unsealed(log))
        }
        // Those that are not settled yet come on top, and one for each that was found impossible.
        #expect(most <= LogStore.unsealedMax + 12)
        try log.shutdown()
    }

    @Test("Sealing leaves those who wait for the shutdown half of their time", .hangGuard)
    func deadline() throws {
        let disk = SimulatedDisk()
        let gate = DiskGate(thread: "wal-maintain")
        let storage = HookStorage(base: disk.backend) { operation, path throws(StorageError) in
            if operation == .truncate, path.hasSuffix(".seg") { SystemClock.sleep(nanoseconds: 500_000_000) }
        }
        gate.fail(.truncate, ErrorNumber.io)
        let log = try WriteAheadLog.open(
            at: "/sealing", options: testOptions(gate.guarding(storage), segmentSize: 16 << 10))
        try Self.append(log, segments: 60)
        // To seal all of them would take half a minute.
        try log.shutdown(timeout: .seconds(6))
        #expect(try Self.unsealed(disk) > LogStore.unsealedAtEndMax)
    }
}
#endif
