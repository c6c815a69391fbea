import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform

/// A forked child has the log's memory and descriptors, none of its threads, and whatever locks they held: every call must say
/// so before it takes one.
@Suite struct ForkTests {
    private typealias Call = (name: String, body: @Sendable (WriteAheadLog) throws -> Void)

    private static let calls: [Call] = [
        ("append", { try $0.append([1, 2, 3]) }),
        ("append with meta", { try $0.append([1], meta: [2]) }),
        ("append of too much", { try $0.append([UInt8](repeating: 0, count: 1 << 20)) }),
        ("append of text", { try $0.append("text") }),
        ("append expecting", { try $0.append([1], expecting: 3) }),
        ("append of a batch", { log in try log.append(batch()) }),
        ("appendDurably", { try $0.appendDurably([1]) }),
        ("appendDurably of a batch", { log in try log.appendDurably(batch()) }),
        ("flush", { try $0.flush() }),
        ("sync", { try $0.sync() }),
        ("waitDurable", { try $0.waitDurable(1) }),
        ("waitDurable of the newest", { try $0.waitDurable($0.lastAssignedLSN) }),
        ("rotate", { try $0.rotate() }),
        ("truncate before", { try $0.truncate(before: 2) }),
        ("truncate after", { try $0.truncate(after: 2) }),
        ("segments", { _ = try $0.segments() }),
        ("verify", { _ = try $0.verify(progress: nil) }),
        ("refresh", { _ = try $0.refresh() }),
        ("compress", { try $0.compress() }),
        ("saveCheckpoint", { try $0.saveCheckpoint("c", at: 1) }),
        ("saveCheckpoint at a position", { try $0.saveCheckpoint("c", at: .start) }),
        ("checkpoint", { _ = try $0.checkpoint("known") }),
        ("checkpoints", { _ = try $0.checkpoints() }),
        ("removeCheckpoint", { try $0.removeCheckpoint("known") }),
        ("applyRetention", { try $0.applyRetention(Retention(maxSegments: 1)) }),
        ("retentionPlan", { _ = try $0.retentionPlan(Retention(maxSegments: 1)) }),
        ("replay", { try $0.replay { _ in .continue } }),
        ("replay since", { try $0.replay(since: nil) { _ in .continue } }),
        ("replay after", { try $0.replay(after: .start) { _ in .continue } }),
        ("replay from a checkpoint", { try $0.replay(fromCheckpoint: "known") { _ in .continue } }),
        ("iterator", { _ = try $0.iterator() }),
        ("firstLSN since", { _ = try $0.firstLSN(since: EventTime(nanosecondsSince1970: 0)) }),
        ("position", { _ = try $0.position(of: 1) }),
        ("lastPosition", { _ = try $0.lastPosition() }),
        ("durablePosition", { _ = try $0.durablePosition() }),
        ("check", { try $0.check(Position(lsn: 1, epoch: 1, incarnation: 0)) }),
        ("follow", { _ = try $0.follow() }),
        ("follow with a body", { try $0.follow { _ in .continue } }),
        ("follow from a checkpoint", { _ = try $0.follow(fromCheckpoint: "known") }),
        ("consume", { try $0.consume("known") { _ in .continue } }),
    ]

    private typealias AsyncCall = (name: String, body: @Sendable (WriteAheadLog) async throws -> Void)

    private static let asyncCalls: [AsyncCall] = [
        ("append", { _ = try await $0.append([1, 2, 3]) }),
        ("append of a batch", { log in _ = try await log.append(batch()) }),
        ("appendDurably", { _ = try await $0.appendDurably([1]) }),
        ("flush", { try await $0.flush() }),
        ("sync", { try await $0.sync() }),
        ("waitDurable", { try await $0.waitDurable(1) }),
        ("rotate", { _ = try await $0.rotate() }),
        ("truncate before", { _ = try await $0.truncate(before: 2) }),
        ("truncate after", { try await $0.truncate(after: 2) }),
        ("segments", { _ = try await $0.segments() }),
        ("verify", { _ = try await $0.verify(progress: nil) }),
        ("refresh", { _ = try await $0.refresh() }),
        ("compress", { _ = try await $0.compress() }),
        ("saveCheckpoint", { try await $0.saveCheckpoint("c", at: 1) }),
        ("saveCheckpoint at a position", { try await $0.saveCheckpoint("c", at: .start) }),
        ("checkpoint", { _ = try await $0.checkpoint("known") }),
        ("checkpoints", { _ = try await $0.checkpoints() }),
        ("removeCheckpoint", { try await $0.removeCheckpoint("known") }),
        ("applyRetention", { _ = try await $0.applyRetention(Retention(maxSegments: 1)) }),
        ("retentionPlan", { _ = try await $0.retentionPlan(Retention(maxSegments: 1)) }),
        ("events", { log in for try await _ in log.events() { return } }),
        ("events through", { log in for try await _ in log.events(through: 2) { return } }),
        ("consume", { log in _ = try await log.consume("known") { (_: Event) async in .continue } }),
    ]

    private static func batch() -> EventBatch {
        var batch = EventBatch()
        try? batch.append([1])
        return batch
    }

    /// What each call did but throw `forked`, and what of the rest did not answer as it must.
    private static func complaints(_ log: WriteAheadLog) -> [String] {
        var complaints: [String] = []
        for (name, call) in calls {
            let found = code { try call(log) }
            if found != .forked { complaints.append("\(name): \(found.map { "\($0)" } ?? "no error")") }
        }
        let stats = log.stats()
        if stats.lastLSN != log.lastLSN || log.firstLSN > log.lastLSN { complaints.append("stats") }
        if log.state != .failed { complaints.append("state \(log.state)") }
        complaints += asyncComplaints(log)
        return complaints
    }

    private static func asyncComplaints(_ log: WriteAheadLog) -> [String] {
        guard let thread = try? TaskThread.start() else { return ["no thread"] }
        let found = Shared<[String]?>(nil)
        _ = thread.begin {
            var complaints: [String] = []
            for (name, call) in asyncCalls {
                let code = await asyncCode { try await call(log) }
                if code != .forked { complaints.append("\(name), async: \(code.map { "\($0)" } ?? "no error")") }
            }
            found.value = complaints
        }
        waitUntil { found.value != nil }
        return found.value ?? []
    }

    private static func options(_ storage: LogStorage = .posix) -> WriteAheadLog.Options {
        testOptions(storage, segmentSize: 64 << 10)
    }

    private static func fill(_ log: WriteAheadLog, _ count: Int = 200) throws {
        for index in 0..<count { try log.append([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 1000)) }
        try log.sync()
    }

    // MARK: Every call

    @Test(.hangGuard) func everyCallThrowsInAForkedChild() throws {
        let directory = try TemporaryDirectory()
        let log = try WriteAheadLog.open(at: directory.path + "/log", options: Self.options())
        try Self.fill(log)
        try log.saveCheckpoint("known", at: 5)
        #expect(try inForkedChild { Self.complaints(log) } == [])
        // The parent goes on.
        let last = log.lastLSN
        #expect(try log.appendDurably([1]).rawValue == last.rawValue + 1)
        try log.shutdown()
        #expect(try inForkedChild { log.state == .closed ? [] : ["\(log.state)"] } == [])
        let again = try WriteAheadLog.open(at: directory.path + "/log", options: Self.options())
        #expect(try again.events().count == 201)
        #expect(again.recovery.outcome == .clean)
        try again.shutdown()
    }

    /// Forked while the commit token and the locks of syncing are held, by a thread that the child does not have.
    @Test(.hangGuard, arguments: [StorageError.Operation.sync, .write])
    func everyCallThrowsWhateverWasUnderWay(_ operation: StorageError.Operation) throws {
        let directory = try TemporaryDirectory()
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: directory.path + "/log", options: Self.options(gate.guarding(PosixStorage())))
        try Self.fill(log)
        try log.saveCheckpoint("known", at: 5)
        gate.shut(operation)
        let appender = try SystemThread(name: "appender") { _ = try? log.appendDurably([7]) }
        gate.waitUntilHeld()
        let reports = try inForkedChild { Self.complaints(log) + Self.closing(log) }
        gate.open()
        appender.join()
        #expect(reports == [])
        #expect(log.lastLSN == 201)
        try log.shutdown()
        let again = try WriteAheadLog.open(at: directory.path + "/log", options: Self.options())
        #expect(try again.events().last?.payload == [7])
        try again.shutdown()
    }

    @Test(.hangGuard) func everyCallThrowsWhileThreadsAreBusy() throws {
        let directory = try TemporaryDirectory()
        var options = Self.options()
        options.retention = Retention(maxSegments: 8)
        options.compression = .zstd()
        let log = try WriteAheadLog.open(at: directory.path + "/log", options: options)
        try Self.fill(log)
        try log.saveCheckpoint("known", at: log.lastLSN)
        let stops = Shared(false)
        let threads = try (0..<3).map { number in
            try SystemThread(name: "busy-\(number)") {
                while !stops.value {
                    _ = try? log.appendDurably([UInt8](repeating: UInt8(number), count: 3000))
                    if number == 0 { _ = try? log.truncate(after: log.lastAssignedLSN) }
                    if number == 1 { _ = try? log.segments() }
                    if number == 2 { _ = try? log.events(from: log.lastLSN) }
                }
            }
        }
        for _ in 0..<20 {
            #expect(try inForkedChild { Self.complaints(log) + Self.closing(log) } == [])
        }
        stops.value = true
        for thread in threads { thread.join() }
        try log.shutdown()
        try WriteAheadLog.open(at: directory.path + "/log", options: options).shutdown()
    }

    @Test(.hangGuard) func aLogOpenedForReadingThrowsToo() throws {
        let directory = try TemporaryDirectory()
        let log = try WriteAheadLog.open(at: directory.path + "/log", options: Self.options())
        try Self.fill(log)
        try log.saveCheckpoint("known", at: 5)
        var options = Self.options()
        options.readOnly = true
        let reader = try WriteAheadLog.open(at: directory.path + "/log", options: options)
        // Its follower waits, and the poller looks for it, at the fork.
        let following = try SystemThread(name: "follower") {
            guard var follower = try? reader.follow(from: 201, delivering: .written) else { return }
            _ = try? follower.nextOwned()
        }
        #expect(try inForkedChild { Self.complaints(reader) + Self.closing(reader) } == [])
        try log.appendDurably([1])
        following.join()
        try reader.close()
        try log.shutdown()
    }

    // MARK: What was under way in the thread that forks

    @Test(.hangGuard) func aReplayThatForksEndsInTheChild() throws {
        let directory = try TemporaryDirectory()
        let log = try WriteAheadLog.open(at: directory.path + "/log", options: Self.options())
        try Self.fill(log)
        try log.rotate()
        try log.compress()
        var reports: [String]?
        var seen = 0
        try log.replay { _ in
            seen += 1
            if seen == 150 { reports = try Self.replayedInChild(log) }
            return .continue
        }
        #expect(seen == 200)
        #expect(reports == [])
        try log.shutdown()
    }

    /// An iterator and a follower from before the fork, in the middle of a frame and of a compressed segment.
    private static func replayedInChild(_ log: WriteAheadLog) throws -> [String] {
        var iterator = try log.iterator(from: 3)
        var timed = try log.iterator(from: 3, since: EventTime(nanosecondsSince1970: 0))
        var follower = try log.follow(from: 3)
        for _ in 0..<100 {
            _ = try iterator.nextOwned()
            _ = try timed.nextOwned()
            _ = try follower.nextOwned()
        }
        return try inForkedChild {
            var reports: [String] = []
            for _ in 0..<2 {
                for (name, found) in [
                    ("iterator", code { _ = try iterator.nextOwned() }), ("timed", code { _ = try timed.nextOwned() }),
                    ("follower", code { _ = try follower.nextOwned() }),
                    ("follower with a timeout", code { _ = try follower.nextOwned(timeout: .milliseconds(1)) }),
                ] where found != .forked {
                    reports.append("\(name): \(found.map { "\($0)" } ?? "no error")")
                }
            }
            _ = follower.lag
            follower.cancellation.cancel()
            return reports
        }
    }

    // MARK: Closing

    /// What closing in the child does but what it must: nothing but closing descriptors.
    private static func closing(_ log: WriteAheadLog) -> [String] {
        var complaints: [String] = []
        if let found = code({ try log.shutdown(timeout: .seconds(30)) }) { complaints.append("shutdown: \(found)") }
        if let found = code({ try log.close() }) { complaints.append("close: \(found)") }
        if log.state != .closed { complaints.append("state after closing: \(log.state)") }
        if code({ try log.append([1]) }) != .forked { complaints.append("append after closing") }
        return complaints
    }

    @Test(.hangGuard, arguments: [false, true]) func closingInTheChildLeavesTheLogToItsParent(byDropping: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/log"
        var log: WriteAheadLog? = try WriteAheadLog.open(at: path, options: Self.options())
        try Self.fill(try #require(log))
        try log?.saveCheckpoint("known", at: 5)
        // The background has made what it makes.
        SystemClock.sleep(nanoseconds: 300_000_000)
        let before = try Data(contentsOf: URL(fileURLWithPath: path + "/LOG"))
        let reports = try inForkedChild {
            var reports: [String] = []
            if byDropping { log = nil } else { reports += log.map { Self.closing($0) } ?? ["no log"] }
            reports += Self.descriptors(below: path).map { "still open: \($0)" }
            // The lock is the parent's.
            let found = code { _ = try WriteAheadLog.open(at: path, options: Self.options()) }
            if found != .locked { reports.append("opening in the child: \(found.map { "\($0)" } ?? "no error")") }
            return reports
        }
        #expect(reports == [])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path + "/LOG")) == before)
        #expect(code { _ = try WriteAheadLog.open(at: path, options: Self.options()) } == .locked)
        #expect(try log?.appendDurably([9]) == 201)
        try log?.shutdown()
        let again = try WriteAheadLog.open(at: path, options: Self.options())
        #expect(try again.events().map(\.lsn.rawValue) == Array(1...201))
        try again.shutdown()
    }

    /// The files of a directory that this process has open, where the system tells.
    private static func descriptors(below path: String) -> [String] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }
            .filter { $0.contains(path) }
    }

    // MARK: In the child

    @Test(.hangGuard) func aLogThatIsOpenedInTheChildWorks() throws {
        let directory = try TemporaryDirectory()
        let log = try WriteAheadLog.open(at: directory.path + "/log", options: Self.options())
        try Self.fill(log)
        // So that threads of the pool are waiting for work that the child's would never get.
        let thread = try TaskThread.start()
        let hasRun = Shared(false)
        _ = thread.begin {
            _ = try? await log.segments()
            hasRun.value = true
        }
        waitUntil { hasRun.value }
        thread.end()
        let reports = try inForkedChild {
            do {
                return try Self.used(directory.path + "/other")
            } catch {
                return ["\(error)"]
            }
        }
        #expect(reports == [])
        try log.shutdown()
        let other = try WriteAheadLog.open(at: directory.path + "/other", options: Self.options())
        #expect(other.recovery.outcome == .clean)
        #expect(other.lastLSN == 202)
        try other.shutdown()
    }

    private static func used(_ path: String) throws -> [String] {
        var reports: [String] = []
        let log = try WriteAheadLog.open(at: path, options: options())
        try fill(log)
        guard let thread = try? TaskThread.start() else { return ["no thread"] }
        let done = Shared(false)
        _ = thread.begin {
            _ = try? await log.appendDurably([1])
            _ = try? await log.rotate()
            _ = try? await log.compress()
            done.value = true
        }
        waitUntil { done.value }
        if try log.events().count != 201 { reports.append("\(try log.events().count) events") }
        // A child of the child has no more right to it.
        reports += try inForkedChild { complaints(log) + closing(log) }
        try log.appendDurably([2])
        try log.shutdown()
        return reports
    }
}
