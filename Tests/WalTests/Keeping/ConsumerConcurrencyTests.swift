import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// The state of a consumer that notices a gap, a repeat, or an order that is not that of the log.
private struct Tally: Equatable {
    var last: UInt64 = 0
    var sum: UInt64 = 0

    init(_ state: [UInt8]? = nil) {
        guard let state, state.count == 16 else { return }
        state.withUnsafeBytes {
            last = $0.loadUnaligned(as: UInt64.self)
            sum = $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        }
    }

    var bytes: [UInt8] {
        withUnsafeBytes(of: last) { Array($0) } + withUnsafeBytes(of: sum) { Array($0) }
    }

    mutating func take(_ lsn: LSN, _ payload: [UInt8]) {
        #expect(lsn.rawValue == last + 1)
        last = lsn.rawValue
        sum = sum &* 31 &+ UInt64(payload.first ?? 0)
    }

    /// That of the first so many events.
    static func expected(_ count: UInt64) -> Tally {
        var tally = Tally()
        for number in 0..<count { tally.take(LSN(number + 1), [UInt8(truncatingIfNeeded: number)]) }
        return tally
    }
}

@Suite("A consumer goes on where its checkpoint stands, without a gap, and many run at once")
struct ConsumerConcurrencyTests {
    private func open(_ disk: SimulatedDisk, _ change: (inout WriteAheadLog.Options) -> Void = { _ in }) throws
        -> WriteAheadLog
    {
        var options = testOptions(disk.storage, segmentSize: 16 << 10)
        change(&options)
        return try WriteAheadLog.open(at: "/log", options: options)
    }

    private func append(_ log: WriteAheadLog, _ count: Int) throws {
        for _ in 0..<count {
            let number = log.lastAssignedLSN.rawValue
            try log.append([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 100))
        }
    }

    /// Shuts the log down; returns whether its consumers had all the time they needed: one that gets no processor for the second
    /// that it is given loses its last checkpoint, and does it again the next time.
    private func shutDown(_ log: WriteAheadLog) async throws -> Bool {
        let start = SystemClock.monotonicNanoseconds()
        try await log.shutdown()
        return SystemClock.monotonicNanoseconds() - start < 1_000_000_000
    }

    @Test("It restores its state, goes on, and stops when told", .hangGuard)
    func stops() throws {
        let log = try open(SimulatedDisk())
        try append(log, 100)
        var options = ConsumerOptions()
        options.checkpointEvery = 7
        for end in [10, 11, 40, 100] as [UInt64] {
            var tally = Tally()
            let report = try log.consume(
                "a", options: options, restore: { tally = Tally($0) }, save: { tally.bytes }
            ) { event in
                tally.take(event.lsn, event.payloadBytes)
                return event.lsn.rawValue == end ? .stop : .continue
            }
            #expect(report == ConsumerReport(reason: .stopped, processedLSN: LSN(end), checkpointLSN: LSN(end)))
            #expect(try log.checkpoint("a").position.lsn == LSN(end))
            #expect(tally == .expected(end))
        }
    }

    @Test("An event whose processing throws counts as not processed", .hangGuard)
    func throwing() throws {
        struct Refusal: Error {}
        let log = try open(SimulatedDisk())
        try append(log, 100)
        var options = ConsumerOptions()
        options.checkpointEvery = 10
        #expect(throws: Refusal.self) {
            try log.consume("a", options: options) { event in
                if event.lsn == 25 { throw Refusal() }
                return .continue
            }
        }
        #expect(try log.checkpoint("a").position.lsn == 20)
        var first: LSN?
        try log.consume("a", options: options) { event in
            first = event.lsn
            return .stop
        }
        #expect(first == 21)
    }

    @Test("A checkpoint is saved after a while, also when no more events come", .hangGuard)
    func savesWhenIdle() async throws {
        let log = try open(SimulatedDisk())
        try append(log, 5)
        var options = ConsumerOptions()
        options.checkpointInterval = .milliseconds(5)
        let (blocking, suspending) = (options, options)
        let thread = try SystemThread(name: "consumer") {
            _ = try? log.consume("blocking", options: blocking) { _ in .continue }
        }
        let task = Task { try await log.consume("suspending", options: suspending) { _ in .continue } }
        for name in ["blocking", "suspending"] {
            try await eventually { (try? log.checkpoint(name).position.lsn) == 5 }
        }
        try append(log, 1)
        for name in ["blocking", "suspending"] {
            try await eventually { (try? log.checkpoint(name).position.lsn) == 6 }
        }
        try await log.shutdown()
        thread.join()
        #expect(try await task.value.reason == .logEnded)
    }

    @Test(
        "Consumers of all kinds see every event, and have saved their last when the log is shut down",
        .hangGuard)
    func many() async throws {
        let disk = SimulatedDisk()
        let log = try open(disk) { $0.retention = Retention(maxSegments: 2) }
        let count = 12
        try append(log, 3)
        let finished = Shared(0)
        let begun = Shared(0)
        let wereInTime = Shared(false)
        // Registered first: what they have not processed is held.
        for number in 0..<count { try await log.saveCheckpoint("consumer-\(number)", at: 0, state: Tally().bytes) }
        let threads = try (0..<count / 2).map { number in
            try SystemThread(name: "consumer") {
                var tally = Tally()
                var options = ConsumerOptions()
                options.checkpointEvery = 10 + number * 20
                let report = try? log.consume(
                    "consumer-\(number)", options: options, restore: { tally = Tally($0) }, save: { tally.bytes }
                ) { event in
                    tally.take(event.lsn, event.payloadBytes)
                    if event.lsn == 1 { begun.update { $0 += 1 } }
                    return .continue
                }
                #expect(report?.reason == .logEnded)
                #expect(tally == .expected(1003))
                finished.update { $0 += 1 }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in count / 2..<count {
                group.addTask {
                    let tally = Shared(Tally())
                    var options = ConsumerOptions()
                    options.checkpointEvery = 10 + number * 20
                    let report = try await log.consume(
                        "consumer-\(number)", options: options, restore: { tally.value = Tally($0) },
                        save: { tally.value.bytes }
                    ) { event in
                        tally.update { $0.take(event.lsn, event.payload) }
                        if event.lsn == 1 { begun.update { $0 += 1 } }
                        return .continue
                    }
                    #expect(report.reason == .logEnded)
                    #expect(tally.value == .expected(1003))
                    finished.update { $0 += 1 }
                }
            }
            group.addTask {
                for _ in 0..<100 {
                    try append(log, 10)
                    await Task.yield()
                }
                try await eventually { begun.value == count }
                let inTime = try await shutDown(log)
                wereInTime.value = inTime
            }
            try await group.waitForAll()
        }
        for thread in threads { thread.join() }
        #expect(finished.value == count)
        let again = try open(disk)
        for number in 0..<count {
            let checkpoint = try await again.checkpoint("consumer-\(number)")
            let lsn = checkpoint.position.lsn
            #expect(wereInTime.value ? lsn == 1003 : lsn <= 1003)
            #expect(Tally(checkpoint.state) == .expected(lsn.rawValue))
        }
        guard wereInTime.value else { return }
        #expect(try await again.applyRetention(Retention(maxSegments: 1)).held.isEmpty)
        #expect(again.firstLSN > 1)
    }

    @Test(
        "After a power cut state and position belong together, and no event is missed", .hangGuard,
        arguments: 1...6)
    func powerCut(_ seed: UInt64) throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let processed = Shared<UInt64>(0)
        let thread = try SystemThread(name: "consumer") {
            var tally = Tally()
            var options = ConsumerOptions()
            options.checkpointEvery = 3
            _ = try? log.consume("a", options: options, restore: { tally = Tally($0) }, save: { tally.bytes }) {
                event in
                tally.take(event.lsn, event.payloadBytes)
                processed.value = event.lsn.rawValue
                return .continue
            }
        }
        try append(log, 200)
        waitUntil { processed.value >= seed * 30 }
        let cut = disk.crash(.random, seed: seed)
        try log.close()
        thread.join()
        let again = try open(cut)
        // Durable events alone were given out, so those are all there.
        #expect(again.lastLSN.rawValue >= seed * 30)
        // Behind whatever checkpoint there is.
        try append(again, 1)
        let last = again.lastAssignedLSN.rawValue
        var tally = Tally()
        try again.consume("a", restore: { tally = Tally($0) }, save: { tally.bytes }) { event in
            tally.take(event.lsn, event.payloadBytes)
            return event.lsn.rawValue == last ? .stop : .continue
        }
        #expect(tally == .expected(last))
    }

    @Test("A consumer may shut the log down itself, and a cancelled one ends", .hangGuard)
    func endsFromWithin() async throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        try append(log, 10)
        let report = try await log.consume("a") { event in
            if event.lsn == 10 { try await log.shutdown() }
            return .continue
        }
        #expect(report.reason == .logEnded && report.processedLSN == 10)
        let again = try open(disk)
        let task = Task { try await again.consume("b") { _ in .continue } }
        try await eventually { (try? again.checkpoint("b")) != nil }
        task.cancel()
        await #expect(throws: WalError.self) { try await task.value }
        // Nobody is waited for any more.
        try await again.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test(
        "A consumer whose body shuts the log down is given the rest and saves its last checkpoint", .hangGuard,
        arguments: [1, 4, 10], [true, false])
    func shutsDownFromWithin(at lsn: UInt64, isBlocking: Bool) async throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        try append(log, 10)
        let start = SystemClock.monotonicNanoseconds()
        let state = Shared(Tally())
        let report = Shared<ConsumerReport?>(nil)
        if isBlocking {
            try await onThreads(1) { _ in
                report.value = try? log.consume("a", save: { state.value.bytes }) { event in
                    state.update { $0.take(event.lsn, event.payloadBytes) }
                    if event.lsn.rawValue == lsn { try log.shutdown() }
                    return .continue
                }
            }
        } else {
            report.value = try await log.consume("a", save: { state.value.bytes }) { event in
                state.update { $0.take(event.lsn, event.payload) }
                // Also by a task that the body waits for.
                if event.lsn.rawValue == lsn { try await Task { try await log.shutdown(timeout: .seconds(600)) }.value }
                return .continue
            }
        }
        // It has a minute for its checkpoints, which a very busy machine may not give it.
        guard SystemClock.monotonicNanoseconds() - start < 60_000_000_000 else { return }
        let ended = try #require(report.value)
        #expect(ended.reason == .logEnded && ended.processedLSN == 10 && ended.checkpointLSN == 10)
        let again = try open(disk)
        let checkpoint = try await again.checkpoint("a")
        #expect(checkpoint.position.lsn == 10 && Tally(checkpoint.state) == .expected(10))
        try await again.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test("One whose last event was cut off ends with stalePosition and doesn't wait for it", .hangGuard)
    func cutOff() async throws {
        let log = try open(SimulatedDisk())
        try append(log, 10)
        #expect(
            code {
                try log.consume("blocking") { event in
                    guard event.lsn == 10 else { return .continue }
                    try log.truncate(after: 5)
                    return .stop
                }
            } == .stalePosition)
        #expect(try await log.checkpoint("blocking").position.lsn == 0)
        try append(log, 5)
        do {
            try await log.consume("suspending") { event in
                guard event.lsn == 10 else { return .continue }
                try await log.truncate(after: 5, overridingCheckpoints: true)
                return .stop
            }
            Issue.record("the consumer ended without an error")
        } catch let error as WalError {
            #expect(error.code == .stalePosition)
        }
    }

    @Test(
        "A consumer that looks once at a shutdown is done and saves its last, with slow bodies too",
        .hangGuard)
    func drains() async throws {
        let log = try open(SimulatedDisk())
        try append(log, 3)
        let saves = Shared(0)
        let begun = Shared(false)
        let report = Shared<ConsumerReport?>(nil)
        var options = ConsumerOptions()
        options.checkpointInterval = .seconds(3600)
        let settled = options
        let thread = try SystemThread(name: "consumer") {
            report.value = try? log.consume(
                "a", options: settled,
                save: {
                    saves.update { $0 += 1 }
                    return nil
                }
            ) { event in
                begun.value = true
                if event.lsn == 1 { waitUntil { log.state == .draining } }
                return .continue
            }
        }
        try await eventually { begun.value }
        let wasInTime = try await shutDown(log)
        thread.join()
        #expect(report.value?.reason == .logEnded && report.value?.processedLSN == 3)
        guard wasInTime else { return }
        #expect(report.value?.checkpointLSN == 3)
        // At the start, when the shutdown was seen, and behind the last event.
        #expect(saves.value == 3)
    }

    @Test("One that would save while the log is being closed, another still saving, ends in order", .hangGuard)
    func savesTooLate() async throws {
        let isHeld = Shared(false)
        let storage = HookStorage(base: SimulatedDisk().backend) { operation, path in
            if operation == .sync, path.hasSuffix("slow.ckpt.tmp") { waitUntil { !isHeld.value } }
        }
        let log = try await WriteAheadLog.open(at: "/log", options: testOptions(LogStorage(storage)))
        try append(log, 1)
        try await log.sync()
        let (hasBegun, saves) = (Shared(0), Shared(0))
        let mayGoOn = Shared(false)
        let options = ConsumerOptions()
        let ends = Shared<[WalError.Code?]>([])
        func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws -> SystemThread {
            try SystemThread(name: name) {
                var options = options
                options.checkpointEvery = 1
                let code = code {
                    _ = try log.consume(
                        name, options: options,
                        save: {
                            if mayGoOn.value { saves.update { $0 += 1 } }
                            return [1]
                        }
                    ) { _ in
                        hasBegun.update { $0 += 1 }
                        body()
                        return .continue
                    }
                }
                ends.update { $0.append(code) }
            }
        }
        var threads = [try start("late") { waitUntil { mayGoOn.value } }]
        threads.append(
            try start("slow") {
                waitUntil { hasBegun.value == 3 }
                isHeld.value = true
            })
        let task = Task {
            try await log.consume("task", options: options) { _ in
                hasBegun.update { $0 += 1 }
                try await eventually { mayGoOn.value }
                return .continue
            }
        }
        try await eventually { isHeld.value }
        // It gives the consumers next to no time.
        #expect(code { try log.shutdown(timeout: .milliseconds(2)) } == .timedOut)
        waitUntil { code { try log.saveCheckpoint("probe", at: 1) } == .closed }
        mayGoOn.value = true
        waitUntil { saves.value == 1 }
        // Time for it to be refused.
        SystemClock.sleep(nanoseconds: 20_000_000)
        isHeld.value = false
        try await log.shutdown()
        for thread in threads { thread.join() }
        #expect(ends.value == [nil, nil])
        #expect(try await task.value.reason == .logEnded)
    }

    @Test("One that can't go on says why; one without a checkpoint starts where it is told")
    func starts() throws {
        let log = try open(SimulatedDisk())
        try append(log, 50)
        var options = ConsumerOptions()
        options.start = 20
        var first: LSN?
        try log.consume("late", options: options) { event in
            first = event.lsn
            return .stop
        }
        #expect(first == 20)
        try log.truncate(before: 40)
        #expect(code { try log.consume("late") { _ in .stop } } == .checkpointFellBehind)
        #expect(code { try log.consume("other", options: options) { _ in .stop } } == .truncated)
        options.checkpointEvery = 0
        #expect(code { try log.consume("other", options: options) { _ in .stop } } == .invalidOption)
        #expect(code { try log.consume("Not a name") { _ in .stop } } == .invalidArgument)
    }
}
