import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A log that another process writes can be followed")
struct OtherProcessTests {
    private static func reading(_ storage: LogStorage) -> WriteAheadLog.Options {
        var options = testOptions(storage, segmentSize: 16 << 10)
        options.readOnly = true
        options.pollInterval = .milliseconds(1)...(.milliseconds(5))
        return options
    }

    @Test("Followers of both kinds see every event, each once, across rolls and truncation", .hangGuard)
    func beside() async throws {
        let disk = SimulatedDisk()
        let writer = try await WriteAheadLog.open(
            at: "/shared", options: testOptions(disk.storage, sync: .never, segmentSize: 16 << 10))
        try await writer.appendDurably("1")
        let log = try await WriteAheadLog.open(at: "/shared", options: Self.reading(disk.storage))
        let seen = Shared([UInt64](repeating: 0, count: 4))
        let deliveries = [Delivery.written, .durable, .written, .automatic]
        let tasks = (0..<2).map { number in
            Task {
                await asyncCode {
                    for try await event in log.events(delivering: deliveries[number]) {
                        let isNext = event.lsn.rawValue == seen.value[number] + 1
                        seen.update { $0[number] = isNext ? event.lsn.rawValue : .max }
                    }
                }
            }
        }
        try await onThreads(3) { thread in
            guard thread < 2 else {
                for number in 2...3000 as ClosedRange<UInt64> {
                    _ = try? writer.append([UInt8](repeating: 1, count: Int(number) % 300))
                    if number % 100 == 0 { _ = try? writer.sync() }
                    // None of what somebody has yet to see.
                    if number % 500 == 0, let oldest = seen.value.min(), oldest > 0 {
                        _ = try? writer.truncate(before: LSN(oldest))
                    }
                }
                _ = try? writer.shutdown()
                waitUntil { seen.value.allSatisfy { $0 >= 3000 } }
                _ = try? log.close()
                return
            }
            #expect(
                code {
                    var follower = try log.follow(delivering: deliveries[thread + 2])
                    while let event = try follower.next() {
                        let (lsn, isNext) = (event.lsn.rawValue, event.lsn.rawValue == seen.value[thread + 2] + 1)
                        seen.update { $0[thread + 2] = isNext ? lsn : .max }
                    }
                } == .closed)
        }
        #expect(seen.value == [3000, 3000, 3000, 3000])
        for task in tasks { #expect(await task.value == .closed) }
        waitUntil { log.stats().followers == 0 }
        #expect(disk.openHandles == 0)
    }

    @Test(
        "What a look finds wrong reaches everybody who waits, and the next follower starts afresh",
        .hangGuard)
    func damage() throws {
        let disk = SimulatedDisk()
        let writer = try WriteAheadLog.open(at: "/damaged", options: testOptions(disk.storage))
        for _ in 0..<10 { try writer.appendDurably("x") }
        let log = try WriteAheadLog.open(at: "/damaged", options: Self.reading(disk.storage))
        // Until then the writer may yet put a superblock of its own over the damage.
        waitUntil { (try? log.refresh()) != nil && log.durableLSN == 10 }
        let superblock = try #require(disk.contents(of: "/damaged/LOG"))
        try onThreads(3) { thread in
            if thread == 2 {
                waitUntil { log.stats().followers == 2 }
                guard let file = try? disk.backend.open("/damaged/LOG", .readWrite) else { return }
                let junk = [UInt8](repeating: 7, count: superblock.count)
                junk.withUnsafeBytes { _ = try? file.write(at: 0, $0) }
            } else {
                #expect(
                    code {
                        var follower = try log.follow(delivering: .written)
                        while try follower.next() != nil {}
                    } == .corrupted)
            }
        }
        let file = try disk.backend.open("/damaged/LOG", .readWrite)
        try superblock.withUnsafeBytes { try file.write(at: 0, $0) }
        try file.close()
        var follower = try log.follow(from: 11, delivering: .written)
        #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(3)) } == .timedOut)
        try writer.appendDurably("11")
        #expect(try follower.next()?.lsn == 11)
        try log.close()
        try writer.shutdown()
    }

    @Test("A refresh by hand wakes who waits", .hangGuard)
    func refresh() throws {
        let disk = SimulatedDisk()
        let writer = try WriteAheadLog.open(at: "/by-hand", options: testOptions(disk.storage))
        try writer.appendDurably("1")
        var options = Self.reading(disk.storage)
        options.pollInterval = .seconds(600)...(.seconds(600))
        let log = try WriteAheadLog.open(at: "/by-hand", options: options)
        let got = Shared(0)
        try onThreads(2) { thread in
            if thread == 0 {
                guard var follower = try? log.follow(delivering: .written) else { return }
                for _ in 0..<2 where (try? follower.next()) != nil { got.update { $0 += 1 } }
            } else {
                waitUntil { got.value == 1 }
                _ = try? writer.appendDurably("2")
                // The follower's own first look may come before it, between them or after.
                waitUntil {
                    _ = try? log.refresh()
                    return got.value == 2
                }
            }
        }
        try log.close()
        try writer.shutdown()
    }

    #if os(Linux) || os(macOS)
    @Test("A real process, killed in the end", .hangGuard)
    func realProcess() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/log"
        let options = testOptions(.posix, sync: .batch, segmentSize: 32 << 10)
        let first = try await WriteAheadLog.open(at: path, options: options)
        try await first.appendDurably("1")
        try await first.shutdown()
        let log = try await WriteAheadLog.open(at: path, options: Self.reading(.posix))
        let follower = Task {
            var next: UInt64 = 1
            for try await event in log.events() {
                guard event.lsn.rawValue == next else { return "\(event.lsn) came in place of \(next)" }
                if event.payload == [UInt8](text: "last") { return "last \(next)" }
                next += 1
            }
            return "it ended"
        }
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let log = try await WriteAheadLog.open(
                at: path, options: testOptions(.posix, sync: .batch, segmentSize: 32 << 10))
            for number in 0..<2000 {
                try await log.append([UInt8](repeating: 1, count: 50 + number % 200))
                if number % 100 == 0 { try await log.sync() }
            }
            let last = try await log.appendDurably("last")
            // The superblock says so a moment later.
            let reader = try await WriteAheadLog.open(at: path, options: OtherProcessTests.reading(.posix))
            waitUntil { (try? reader.refresh()) != nil && reader.durableLSN >= last }
            kill(getpid(), SIGKILL)
        }
        #expect(try await follower.value == "last 2002")
        try await log.close()
    }
    #endif
}
