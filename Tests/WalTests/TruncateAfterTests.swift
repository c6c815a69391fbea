import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("truncate(after:) and positions")
struct TruncateAfterTests {
    private static func open(
        _ storage: LogStorage, sync: SyncPolicy = .batch, _ change: (inout WriteAheadLog.Options) -> Void = { _ in }
    ) throws -> WriteAheadLog {
        var options = testOptions(storage, sync: sync, segmentSize: 16 << 10)
        change(&options)
        return try WriteAheadLog.open(at: "/cut", options: options)
    }

    private static func fill(_ log: WriteAheadLog, _ count: Int, _ text: String = "old") throws {
        for number in 0..<count {
            try log.append([UInt8](text: "\(text) \(number)") + [UInt8](repeating: 7, count: 300))
        }
    }

    @Test("LSNs go on behind the cut, queued events included, under every policy")
    func goesOn() throws {
        for policy in [SyncPolicy.never, .batch, .bytes(4096), .interval(.milliseconds(5))] {
            let disk = SimulatedDisk()
            let log = try Self.open(disk.storage, sync: policy)
            try Self.fill(log, 100)
            try log.truncate(after: 40)
            #expect(log.lastLSN == 40 && log.durableLSN == 40 && log.lastAssignedLSN == 40)
            #expect(log.stats().appendedEvents == 100)
            #expect(code { try log.append([1], expecting: 100) } == .unexpectedLSN)
            #expect(try log.append([1], expecting: 40) == 41)
            #expect(try log.appendDurably([2]) == 42)
            #expect(log.stats().appendedEvents == 102)
            #expect(try log.events().count == 42)
            #expect(code { try log.truncate(after: 43) } == .notYetWritten)
            try log.truncate(before: 10)
            #expect(code { try log.truncate(after: 8) } == .truncated)
            try log.truncate(after: 9)
            #expect(log.firstLSN == 10 && log.lastLSN == 9)
            #expect(try log.events().isEmpty)
            #expect(try log.append([3]) == 10)
            try log.shutdown()
            let again = try Self.open(disk.storage)
            #expect(try again.events().map(\.payload) == [[3]])
            try again.shutdown()
        }
    }

    @Test("The suspending form does the same")
    func suspends() async throws {
        let log = try Self.open(SimulatedDisk().storage)
        try Self.fill(log, 20)
        try await log.truncate(after: 5)
        #expect(log.lastLSN == 5)
        try await log.shutdown()
    }

    @Test("The observer hears of it, and of the segments removed")
    func isObserved() throws {
        let recorder = Recorder()
        let log = try Self.open(SimulatedDisk().storage) { $0.observer = recorder }
        try Self.fill(log, 200)
        try log.truncate(after: 3)
        try log.truncate(after: 3)
        try log.shutdown()
        waitUntil { recorder.states.last == .closed }
        let cuts = recorder.events.filter { if case .truncatedAfter = $0 { true } else { false } }
        #expect(cuts == [.truncatedAfter(lsn: 3, epoch: 2)])
        #expect(recorder.events.contains { if case .segmentDeleted = $0 { true } else { false } })
    }

    @Test("Iterators and replays give out no event that was cut off")
    func readers() throws {
        let log = try Self.open(SimulatedDisk().storage)
        // Merged into few frames.
        for _ in 0..<100 { try log.append([1]) }
        try log.sync()
        var beyond = try log.iterator()
        var below = try log.iterator()
        var at = try log.iterator()
        for _ in 0..<60 { _ = try beyond.next() }
        for _ in 0..<40 { _ = try at.next() }
        for _ in 0..<10 { _ = try below.next() }
        try log.truncate(after: 40)
        for _ in 0..<100 { try log.append([2]) }
        try log.sync()
        #expect(code { _ = try beyond.next() } == .stalePosition)
        // What it had in hand may have gone: nothing follows.
        #expect(try beyond.nextOwned() == nil)
        #expect(try at.next() == nil)
        var last: LSN = 0
        while let event = try below.nextOwned() {
            #expect(event.payload == [1])
            last = event.lsn
        }
        #expect(last == 40)
        // From within a callback.
        var seen: [LSN] = []
        let error = code {
            try log.replay { event in
                seen.append(event.lsn)
                if event.lsn == 70 { try log.truncate(after: 50) }
                return .continue
            }
        }
        #expect(error == .stalePosition && seen.last == 70)
        seen = []
        try log.replay { event in
            seen.append(event.lsn)
            if event.lsn == 20 { try log.truncate(after: 30) }
            return .continue
        }
        #expect(seen.last == 30)
        try log.shutdown()
    }

    @Test("A position is of one event, and refused once that was cut off")
    func positions() throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk.storage)
        #expect(try log.lastPosition() == .start)
        try Self.fill(log, 60)
        try log.sync()
        let events = try log.events()
        for event in events {
            #expect(try log.position(of: event.lsn) == event.position)
            try log.check(event.position)
        }
        #expect(try log.lastPosition() == events[59].position)
        #expect(try log.durablePosition() == events[59].position)
        try log.truncate(after: 30)
        try Self.fill(log, 60, "new")
        try log.sync()
        try log.check(events[29].position)
        #expect(code { try log.check(events[30].position) } == .stalePosition)
        #expect(code { try log.replay(after: events[45].position) { _ in .stop } } == .stalePosition)
        #expect(code { _ = try log.iterator(after: events[45].position) } == .stalePosition)
        var first: LSN = 0
        try log.replay(after: events[29].position) { event in
            first = event.lsn
            return .stop
        }
        #expect(first == 31)
        var iterator = try log.iterator(after: .start)
        #expect(try iterator.nextOwned()?.lsn == 1)
        let newest = try log.lastPosition()
        #expect(newest.epoch == events[0].epoch + 1 && newest.lsn == 90)
        try log.shutdown()
        let again = try Self.open(disk.storage)
        try again.check(newest)
        #expect(try again.lastPosition() == newest)
        #expect(code { try again.check(events[59].position) } == .stalePosition)
        try again.shutdown()
    }

    @Test("Whoever waits for an event that is cut off is told so, also if its LSN is another's by then")
    func waiters() async throws {
        let gate = DiskGate()
        let log = try Self.open(gate.guarding(SimulatedDisk().backend), sync: .never)
        try Self.fill(log, 10)
        try await log.flush()
        gate.shut(.sync)
        defer { gate.open() }
        let thread = try SystemThread(name: "cut") { try? log.truncate(after: 4) }
        gate.waitUntilHeld()
        let executor = try TaskThread.start()
        defer { executor.end() }
        let tasks = (0..<6).map { number in
            executor.begin {
                await asyncCode { if number % 2 == 0 { try await log.sync() } else { try await log.waitDurable(9) } }
            }
        }
        // All of them wait before the cut goes on: one that came between its end and the new event 9 would find no such LSN.
        executor.waitUntilIdle()
        gate.open()
        thread.join()
        for _ in 0..<20 { try await log.append([1]) }
        try await log.waitDurable(9)
        for task in tasks { #expect(await task.value == .truncated) }
        try await log.shutdown()
    }

    @Test(
        "Appends wait for the end of a cut, whatever the back-pressure", arguments: [BackPressure.block, .fail, .drop])
    func appendsWait(backPressure: BackPressure) async throws {
        let gate = DiskGate()
        let log = try Self.open(gate.guarding(SimulatedDisk().backend), sync: .never) { $0.backPressure = backPressure }
        try Self.fill(log, 10)
        try await log.flush()
        gate.shut(.sync)
        let thread = try SystemThread(name: "cut") { try? log.truncate(after: 4) }
        gate.waitUntilHeld()
        let lsns = Shared<[LSN]>([])
        let appender = try SystemThread(name: "append") {
            if let lsn = try? log.append([9]) { lsns.update { $0.append(lsn) } }
        }
        let task = Task {
            let lsn = try await log.appendDurably([9])
            lsns.update { $0.append(lsn) }
        }
        SystemClock.sleep(nanoseconds: 5_000_000)
        #expect(lsns.value.isEmpty && log.lastAssignedLSN == 10)
        gate.open()
        thread.join()
        appender.join()
        try await task.value
        #expect(lsns.value.sorted() == [5, 6])
        #expect(log.stats().refusedAppends == 0 && log.stats().droppedEvents == 0)
        try await log.shutdown()
    }

    @Test("A log that can't be changed says why")
    func refusals() throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk.storage)
        try Self.fill(log, 10)
        try log.sync()
        let reading = try Self.open(disk.storage) { $0.readOnly = true }
        #expect(code { try reading.truncate(after: 4) } == .readOnly)
        try reading.close()
        try log.shutdown()
        #expect(code { try log.truncate(after: 4) } == .closed)

        let gate = DiskGate()
        let other = try Self.open(gate.guarding(SimulatedDisk().backend), sync: .never)
        try Self.fill(other, 10)
        gate.fail(.sync, ErrorNumber.io)
        #expect(code { try other.truncate(after: 4) } == .failed)
        #expect(other.state == .failed)
        #expect(code { try other.append([1]) } == .failed)
        #expect(try other.events().count == 10)
        try other.close()
    }

    @Test("A full disk is met before anything is changed, or the queue is stuck")
    func fullDisk() throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk.storage)
        try Self.fill(log, 50)
        try log.sync()
        disk.capacity = disk.usedBytes / 2
        #expect(code { try log.truncate(after: 20) } == .diskFull)
        #expect(log.state == .running && log.lastLSN == 50)
        disk.capacity = nil
        try log.truncate(after: 20)
        #expect(try log.append([1]) == 21)
        try log.shutdown()
    }
}
