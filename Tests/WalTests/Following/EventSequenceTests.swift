import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A log as an asynchronous sequence of its events")
struct EventSequenceTests {
    private static func open(_ disk: SimulatedDisk, sync: SyncPolicy = .batch) async throws -> WriteAheadLog {
        try await WriteAheadLog.open(
            at: "/events", options: testOptions(disk.storage, sync: sync, segmentSize: 16 << 10))
    }

    @Test(
        "Everything comes once, in order, also what is appended meanwhile, and shutdown ends it",
        .hangGuard)
    func follows() async throws {
        let disk = SimulatedDisk()
        let log = try await Self.open(disk)
        for number in 0..<500 { try await log.append([UInt8](repeating: UInt8(number % 251), count: 100)) }
        async let count = {
            var next: UInt64 = 1
            for try await event in log.events() {
                guard event.lsn.rawValue == next, event.payload.first == UInt8((next - 1) % 251) else { return 0 }
                next += 1
            }
            return Int(next) - 1
        }()
        for number in 500..<1000 {
            try await log.append([UInt8](repeating: UInt8(number % 251), count: 100))
            if number % 50 == 0 { try await log.sync() }
        }
        try await log.shutdown()
        #expect(try await count == 1000)
        #expect(log.stats().followers == 0)
        #expect(disk.openHandles == 0)
    }

    @Test("A range ends where it is told to, or where the log ends")
    func range() async throws {
        let log = try await Self.open(SimulatedDisk(), sync: .never)
        for _ in 0..<300 { try await log.append([UInt8](repeating: 1, count: 100)) }
        try await log.flush()
        for (from, through, expected) in [
            (0, 300, 1...300), (1, 1, 1...1), (257, 258, 257...258), (290, 1000, 290...300), (300, 300, 300...300),
        ] as [(UInt64, UInt64, ClosedRange<UInt64>)] {
            var numbers: [UInt64] = []
            for try await event in log.events(from: LSN(from), through: LSN(through)) {
                numbers.append(event.lsn.rawValue)
            }
            #expect(numbers == Array(expected))
        }
        for try await _ in log.events(from: 301, through: 400) { Issue.record("there is no such event") }
        for try await _ in log.events(from: 7, through: 6) { Issue.record("an empty range has no event") }
        #expect(await asyncCode { for try await _ in log.events(from: 302, through: 400) {} } == .notYetWritten)
        try await log.truncate(before: 100)
        #expect(await asyncCode { for try await _ in log.events(from: 99) {} } == .truncated)
        try await log.close()
        #expect(await asyncCode { for try await _ in log.events() {} } == .closed)
    }

    @Test("A cancelled task gets out of its wait and leaves nothing behind", .hangGuard)
    func cancellation() async throws {
        let disk = SimulatedDisk()
        let log = try await Self.open(disk)
        try await log.appendDurably("1")
        for delay in [0, 0, 100_000, 1_000_000] as [UInt64] {
            let seen = Shared(0)
            let task = Task {
                await asyncCode {
                    for try await _ in log.events() { seen.update { $0 += 1 } }
                }
            }
            if delay > 0 {
                try await eventually { seen.value == 1 }
                try await Task.sleep(nanoseconds: delay)
            }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
        try await eventually { log.stats().followers == 0 }
        try await log.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test("An iteration that is left early frees what it held", .hangGuard)
    func leaving() async throws {
        let disk = SimulatedDisk()
        let log = try await Self.open(disk)
        for _ in 0..<1000 { try await log.append([UInt8](repeating: 1, count: 100)) }
        try await log.sync()
        for try await event in log.events() where event.lsn == 5 { break }
        #expect(log.stats().followers == 0)
        try await log.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test("A failed log gives what was durable, then its failure", .hangGuard)
    func fails() async throws {
        let gate = DiskGate()
        let log = try await WriteAheadLog.open(
            at: "/fails", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .batch))
        for _ in 0..<5 { try await log.appendDurably("durable") }
        let seen = Shared(0)
        let task = Task {
            await asyncCode {
                for try await _ in log.events() { seen.update { $0 += 1 } }
            }
        }
        try await eventually { seen.value == 5 }
        gate.fail(.sync, ErrorNumber.io)
        #expect(await asyncCode { try await log.appendDurably("lost") } == .failed)
        #expect(await task.value == .failed)
        #expect(seen.value == 5)
        try await log.close()
    }

    @Test("Waiting tasks hold no thread: more of them than there could be threads", .hangGuard)
    func manyTasks() async throws {
        let log = try await Self.open(SimulatedDisk())
        let started = Shared(0)
        let total = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    var count = 0
                    do {
                        for try await _ in log.events() {
                            count += 1
                            if count == 1 { started.update { $0 += 1 } }
                        }
                    } catch {
                        Issue.record("\(error)")
                    }
                    return count
                }
            }
            group.addTask {
                do {
                    try await log.appendDurably("1")
                    try await eventually { started.value == 200 }
                    for _ in 0..<9 { try await log.appendDurably("x") }
                    try await log.shutdown()
                } catch {
                    Issue.record("\(error)")
                }
                return 0
            }
            return await group.reduce(0, +)
        }
        #expect(total == 2000)
    }
}
