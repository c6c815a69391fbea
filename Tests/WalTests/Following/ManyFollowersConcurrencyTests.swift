import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Many follow one log at the cost of a few")
struct ManyFollowersConcurrencyTests {
    private static func payload(_ number: Int) -> [UInt8] { [UInt8](repeating: UInt8(number % 251), count: 200) }

    #if os(Linux)
    @Test("Two thousand tasks at the end of the log take a few descriptors", .hangGuard)
    func tasks() async throws {
        let followers = 2000
        let directory = try TemporaryDirectory()
        let path = directory.path + "/log"
        let log = try await WriteAheadLog.open(at: path, options: WriteAheadLog.Options())
        for number in 1...20 { try await log.append(Self.payload(number)) }
        try await log.sync()
        /// The open files of the log; other tests have files of their own.
        let files = {
            let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return numbers.count { number in
                let file = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
                return file?.hasPrefix(path) == true
            }
        }
        var most = 0
        let seen = Shared(0)
        let wrong = Shared(0)
        let tasks = (0..<followers).map { _ in
            Task {
                var next = 1
                do {
                    for try await event in log.events(from: 1) {
                        if event.lsn.rawValue != UInt64(next) || event.payload != Self.payload(next) {
                            wrong.update { $0 += 1 }
                        }
                        next += 1
                        seen.update { $0 += 1 }
                        if next > 30 { return }
                    }
                } catch {
                    wrong.update { $0 += 1 }
                }
            }
        }
        for number in 20...30 {
            if number > 20 { try await log.appendDurably(Self.payload(number)) }
            // The segment they are in is finished, sealed and left.
            if number == 25 { try await log.rotate() }
            while seen.value < number * followers, wrong.value == 0 {
                most = max(most, files())
                try await Task.sleep(nanoseconds: 1_000_000)
            }
        }
        for task in tasks { await task.value }
        #expect(wrong.value == 0)
        #expect(most <= 64)
        try await log.shutdown()
    }
    #endif

    @Test("No more than four threads of a log read for its tasks at once", .hangGuard)
    func threads() async throws {
        let gate = DiskGate()
        let log = try await WriteAheadLog.open(
            at: "/threads", options: testOptions(gate.guarding(SimulatedDisk().backend)))
        try await log.appendDurably(Self.payload(1))
        gate.shut(.read)
        let executor = try TaskThread.start()
        let tasks = (0..<200).map { _ in
            executor.begin { await asyncCode { for try await _ in log.events(from: 1) { return } } }
        }
        executor.waitUntilIdle()
        gate.waitUntilHeld()
        // All have asked; those that may read do.
        SystemClock.sleep(nanoseconds: 100_000_000)
        gate.open()
        for task in tasks { #expect(await task.value == nil) }
        #expect(gate.mostHeld <= 4)
        executor.end()
        try await log.shutdown()
    }

    @Test("What many read of the end of the log is in memory once", .hangGuard)
    func memory() async throws {
        let log = try await WriteAheadLog.open(at: "/memory", options: testOptions(SimulatedDisk().storage))
        try await log.appendDurably(Self.payload(1))
        let addresses = Shared<[Int: Set<UInt>]>([:])
        let seen = Shared(0)
        let kept = Shared<[Event]>([])
        let tasks = (0..<300).map { _ in
            Task {
                await asyncCode {
                    for try await event in log.events(from: 1) {
                        let address = event.payload.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
                        addresses.update { _ = $0[Int(event.lsn.rawValue), default: []].insert(address) }
                        // So that no memory is used twice.
                        kept.update { $0.append(event) }
                        seen.update { $0 += 1 }
                        if event.lsn == 20 { return }
                    }
                }
            }
        }
        for number in 2...20 {
            try await eventually { seen.value == (number - 1) * 300 }
            try await log.appendDurably(Self.payload(number))
        }
        for task in tasks { #expect(await task.value == nil) }
        // Those that read at once each have their own.
        #expect(addresses.value.values.allSatisfy { $0.count <= 4 })
        try await log.shutdown()
    }

    @Test(
        "However many threads follow, they take one descriptor for a segment", .hangGuard,
        arguments: [ReadAccess.mapped, .read])
    func descriptors(access: ReadAccess) throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, segmentSize: 64 << 10)
        options.readAccess = access
        let log = try WriteAheadLog.open(at: "/many", options: options)
        try log.appendDurably(Self.payload(1))
        let ready = Shared(0)
        let wrong = Shared(0)
        let threads = try (0..<50).map { _ in
            try SystemThread(name: "follower") {
                do {
                    var follower = try log.follow(from: 1)
                    var next = 1
                    while let event = try follower.nextOwned() {
                        if event.payload != Self.payload(next) { wrong.update { $0 += 1 } }
                        next += 1
                        ready.update { $0 += 1 }
                    }
                } catch {
                    wrong.update { $0 += 1 }
                }
            }
        }
        waitUntil { ready.value == 50 }
        // The lock, the superblock, the active segment and a spare: and one more to read it.
        #expect(disk.openHandles <= 5)
        for number in 2...300 {
            try log.appendDurably(Self.payload(number))
            if number % 100 == 0 { try log.rotate() }
        }
        waitUntil { ready.value == 50 * 300 || wrong.value > 0 }
        #expect(disk.openHandles <= 5 + 2)
        try log.shutdown()
        for thread in threads { thread.join() }
        #expect(wrong.value == 0)
        #expect(disk.openHandles == 0)
    }

    @Test("Tasks that wait hold nothing, and what one has read the others get", .hangGuard)
    func sharing() async throws {
        let disk = SimulatedDisk()
        let reads = Shared(0)
        let storage = HookStorage(base: disk.backend) { operation, path throws(StorageError) in
            if operation == .read, path.hasSuffix(".seg") { reads.update { $0 += 1 } }
        }
        let log = try await WriteAheadLog.open(at: "/sharing", options: testOptions(LogStorage(storage)))
        for number in 1...10 { try await log.appendDurably(Self.payload(number)) }
        let seen = Shared(0)
        let tasks = (0..<300).map { _ in
            Task {
                await asyncCode {
                    for try await event in log.events(from: 5) {
                        seen.update { $0 += 1 }
                        if event.lsn == 40 { return }
                    }
                }
            }
        }
        try await eventually { seen.value == 6 * 300 }
        #expect(disk.openHandles <= 6)
        reads.value = 0
        for number in 11...40 {
            try await log.appendDurably(Self.payload(number))
            try await eventually { seen.value == (number - 4) * 300 }
        }
        // Each of them reading for itself would make 9,000 reads. Those that read at once may each open the file.
        #expect(reads.value < 30 * 4 * 5)
        for task in tasks { #expect(await task.value == nil) }
        #expect(log.stats().followers == 0)
        try await log.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test("So does each that follows the log of another process", .hangGuard)
    func otherProcess() async throws {
        let disk = SimulatedDisk()
        let options = testOptions(disk.storage, segmentSize: 32 << 10)
        let writer = try await WriteAheadLog.open(at: "/other", options: options)
        try await writer.appendDurably(Self.payload(1))
        var reading = options
        reading.readOnly = true
        reading.pollInterval = .milliseconds(1)...(.milliseconds(5))
        let log = try await WriteAheadLog.open(at: "/other", options: reading)
        let seen = Shared(0)
        let wrong = Shared<[String]>([])
        let tasks = (0..<100).map { _ in
            Task {
                var next = 1
                do {
                    for try await event in log.events(from: 1, delivering: .written) {
                        if event.lsn.rawValue != UInt64(next) || event.payload != Self.payload(next) {
                            wrong.update { $0.append("\(event.lsn) instead of \(next)") }
                        }
                        next += 1
                        seen.update { $0 += 1 }
                        if next > 400 { return }
                    }
                } catch {
                    wrong.update { $0.append("\(error)") }
                }
            }
        }
        for number in 2...400 {
            try await writer.append(Self.payload(number))
            if number % 40 == 0 { try await writer.sync() }
            if number % 90 == 0 { try await writer.rotate() }
            if number % 100 == 0 { try await eventually { seen.value >= (number - 50) * 100 || !wrong.value.isEmpty } }
        }
        try await writer.sync()
        for task in tasks { await task.value }
        #expect(wrong.value == [])
        #expect(log.stats().followers == 0)
        try await log.close()
        try await writer.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test(
        "Each gets every event once and in order, whatever is appended, cut, rolled and dropped meanwhile", .hangGuard,
        arguments: [Delivery.durable, .written])
    func mixed(delivery: Delivery) async throws {
        var generator = SeededGenerator(seed: testSeed())
        let disk = SimulatedDisk()
        let log = try await WriteAheadLog.open(
            at: "/mixed", options: testOptions(disk.storage, sync: .never, segmentSize: 32 << 10))
        try await log.appendDurably(Self.payload(1))
        let failures = Shared<[String]>([])
        let tasks = (0..<60).map { number in
            Task {
                var next: UInt64 = number % 3 == 0 ? 0 : 1
                var last: Event?
                do {
                    for try await event in log.events(from: LSN(next), delivering: delivery) {
                        if next == 0 { next = event.lsn.rawValue }
                        if event.lsn.rawValue != next {
                            failures.update { $0.append("\(event.lsn) after \(next - 1)") }
                        }
                        next += 1
                        last = event
                        if number % 7 == 0 { try await Task.sleep(nanoseconds: 100_000) }
                        if event.payload.isEmpty { return }
                    }
                } catch {
                    // A cut behind which it stood, or what it was to read was dropped.
                    let code = (error as? WalError)?.code
                    if code != .stalePosition && code != .truncated {
                        failures.update { $0.append("\(error) behind \(String(describing: last?.lsn))") }
                    }
                }
            }
        }
        for _ in 0..<400 {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: try await log.rotate()
            case 1: try await log.sync()
            case 2:
                let back = UInt64.random(in: 0...3, using: &generator)
                let last = log.lastAssignedLSN.rawValue
                if last > log.firstLSN.rawValue + back { try await log.truncate(after: LSN(last - back)) }
            case 3:
                let (first, last) = (log.firstLSN.rawValue, log.durableLSN.rawValue)
                if last > first + 200 { try await log.truncate(before: LSN(last - 200)) }
            default:
                let count = Int.random(in: 1...200, using: &generator)
                try await log.append([UInt8](repeating: 1, count: count))
            }
        }
        try await log.append([] as [UInt8])
        try await log.sync()
        for task in tasks { await task.value }
        #expect(failures.value == [])
        #expect(log.stats().followers == 0)
        try await log.shutdown()
        #expect(disk.openHandles == 0)
    }
}
