import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A log opened for reading, beside its writer")
struct ReadOnlyTests {
    private static func reading(_ storage: LogStorage) -> WriteAheadLog.Options {
        var options = testOptions(storage, segmentSize: 16 << 10)
        options.readOnly = true
        return options
    }

    @Test("It sees what was there, and after each refresh what has come since", .hangGuard)
    func refreshes() throws {
        let disk = SimulatedDisk()
        let writer = try WriteAheadLog.open(
            at: "/shared", options: testOptions(disk.storage, sync: .never, segmentSize: 16 << 10))
        try writer.appendDurably("0")
        let reader = try WriteAheadLog.open(at: "/shared", options: Self.reading(disk.storage))
        #expect(reader.lastLSN == 1)
        for round in 1...30 {
            for part in 0..<5 { try writer.append([UInt8](repeating: UInt8(round), count: 200 + part)) }
            try writer.flush()
            #expect(try reader.refresh())
            #expect(reader.lastLSN == writer.lastLSN)
            #expect(try reader.events() == writer.events())
            if round == 15 {
                try writer.truncate(before: 40)
                try reader.refresh()
                #expect(reader.firstLSN == 40)
                #expect(code { _ = try reader.iterator(from: 39) } == .truncated)
            }
        }
        #expect(try !reader.refresh())
        #expect(reader.stats().appendedEvents == 0)
        #expect(reader.lastAssignedLSN == writer.lastLSN)
        // What came after the open is known too: no sync can be asked for, but it is no unknown LSN.
        #expect(code { try reader.waitDurable(reader.lastLSN) } != .notYetWritten)
        try reader.close()
        try writer.shutdown()
    }

    @Test("It refuses every change, writes nothing, and keeps nobody out", .hangGuard)
    func changesNothing() async throws {
        let disk = SimulatedDisk()
        #expect(code { _ = try WriteAheadLog.open(at: "/none", options: Self.reading(disk.storage)) } == .notFound)
        #expect(try disk.backend.list("/").isEmpty)
        let writer = try await WriteAheadLog.open(at: "/quiet", options: testOptions(disk.storage))
        try await writer.appendDurably("1")
        try await writer.shutdown()
        let before = disk.fingerprint()
        let reader = try await WriteAheadLog.open(at: "/quiet", options: Self.reading(disk.storage))
        #expect(code { try reader.append("2") } == .readOnly)
        #expect(code { try reader.appendDurably("2") } == .readOnly)
        #expect(await asyncCode { try await reader.append("2") } == .readOnly)
        #expect(code { try reader.rotate() } == .readOnly)
        #expect(code { try reader.truncate(before: 1) } == .readOnly)
        try await reader.flush()
        try await reader.sync()
        #expect(try reader.events().count == 1)
        #expect(try await reader.verify().isIntact)
        #expect(reader.state == .running)
        #expect(disk.fingerprint() == before)
        let second = try await WriteAheadLog.open(at: "/quiet", options: testOptions(disk.storage))
        try await second.close()
        try await reader.shutdown()
        #expect(reader.state == .closed)
        #expect(code { _ = try reader.refresh() } == .closed)
        let last = try await WriteAheadLog.open(at: "/quiet", options: Self.reading(disk.storage))
        try await last.close()
    }

    @Test("A reader that refreshes while the writer works never sees a gap or damage", .hangGuard)
    func beside() throws {
        let directory = try TemporaryDirectory()
        var options = testOptions(.posix, sync: .never, segmentSize: 32 << 10)
        let writer = try WriteAheadLog.open(at: directory.path + "/log", options: options)
        try writer.appendDurably("1")
        options.readOnly = true
        let reader = try WriteAheadLog.open(at: writer.path, options: options)
        let wrong = Shared<[String]>([])
        let isDone = Shared(false)
        try onThreads(2) { thread in
            do {
                if thread == 0 {
                    for step in 0..<3000 {
                        try writer.append([UInt8](repeating: 1, count: step % 400))
                        if step % 40 == 0 { try writer.flush() }
                    }
                    try writer.flush()
                    isDone.value = true
                    return
                }
                var isLast = false
                while !isLast {
                    isLast = isDone.value
                    try reader.refresh()
                    let events = try reader.events()
                    if events.enumerated().contains(where: { $1.lsn.rawValue != UInt64($0) + 1 }) {
                        wrong.update { $0.append("a gap") }
                    }
                }
            } catch {
                isDone.value = true
                wrong.update { $0.append("\(error)") }
            }
        }
        #expect(wrong.value == [])
        #expect(reader.lastLSN == 3001)
        try reader.close()
        try writer.shutdown()
    }
}
