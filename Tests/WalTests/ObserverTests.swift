import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("The observer hears of everything that happens")
struct ObserverTests {
    @Test("A healthy life: states, writes, syncs, rolls, settled, sealed and deleted segments", .hangGuard)
    func healthy() throws {
        let recorder = Recorder()
        var options = testOptions(SimulatedDisk().storage, sync: .never, segmentSize: 16 << 10)
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/healthy", options: options)
        for _ in 0..<3 {
            for _ in 0..<5 { try log.append([UInt8](repeating: 1, count: 1000)) }
            try log.rotate()
        }
        waitUntil { recorder.events.filter { if case .segmentSealed = $0 { true } else { false } }.count >= 3 }
        // Nothing is left to be synced in the background, which is told in other ways.
        try log.appendDurably([2])
        let removed = try log.truncate(before: 6)
        #expect(removed.count == 1)
        try log.shutdown()
        waitUntil { recorder.states.last == .closed }
        let events = recorder.events
        #expect(recorder.states == [.running, .draining, .closed])
        #expect(events.reduce(0) { if case .written(let count, _, _) = $1 { $0 + count } else { $0 } } == 16)
        #expect(events.contains { if case .synced(16, _) = $0 { true } else { false } })
        for base: LSN in [6, 11, 16] {
            #expect(events.contains { if case .rolled(base, _) = $0 { true } else { false } })
        }
        for base: LSN in [1, 6, 11] {
            #expect(events.contains { if case .segmentSettled(base, _) = $0 { true } else { false } })
            #expect(events.contains { if case .segmentSealed(base, _) = $0 { true } else { false } })
        }
        #expect(events.contains { if case .segmentDeleted(1, removed[0]) = $0 { true } else { false } })
        #expect(log.stats().rolls == 3)
    }

    @Test("Drops are counted up, and none is missing", .hangGuard)
    func drops() throws {
        let gate = DiskGate()
        let recorder = Recorder()
        var options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        options.observer = recorder
        options.backPressure = .drop
        options.queueEvents = 10
        let log = try WriteAheadLog.open(at: "/drops", options: options)
        gate.shut(.write)
        var dropped = 0
        for _ in 0..<200 where code({ try log.append([1]) }) == .dropped { dropped += 1 }
        #expect(dropped > 0)
        waitUntil { recorder.droppedCount == dropped }
        #expect(log.stats().droppedEvents == UInt64(dropped))
        gate.open()
        try log.shutdown()
        #expect(log.lastLSN.rawValue == UInt64(200 - dropped))
    }

    @Test("A failure is told once, with its cause, and then the state", .hangGuard)
    func failure() throws {
        let gate = DiskGate()
        let recorder = Recorder()
        var options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/told", options: options)
        gate.fail(.sync, ErrorNumber.io)
        #expect(code { try log.appendDurably([1]) } == .failed)
        waitUntil { recorder.states.contains(.failed) }
        #expect(recorder.events.filter { if case .error = $0 { true } else { false } }.count == 1)
        try log.close()
        waitUntil { recorder.states == [.running, .failed, .closed] }
    }

    @Test("Damage is told, found on reading or on opening", .hangGuard)
    func corruption() throws {
        let disk = SimulatedDisk()
        let recorder = Recorder()
        var options = testOptions(disk.storage, sync: .never)
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/damaged", options: options)
        try log.appendDurably([UInt8](repeating: 9, count: 100))
        try log.appendDurably([UInt8](repeating: 9, count: 100))
        let path = try #require(try log.segments().first?.path)
        var bytes = try #require(disk.contents(of: path))
        bytes[4096 + 100] ^= 1
        disk.replaceContents(of: path, with: bytes)
        #expect(code { _ = try log.events() } == .corrupted)
        waitUntil { recorder.events.contains { if case .corruption = $0 { true } else { false } } }
        let atOpen = Recorder()
        options.observer = atOpen
        // A copy of the disk as it is, so that the damage lies above what the superblock vouches for.
        options.storage = disk.crash(.keepAll).storage
        if code({ _ = try WriteAheadLog.open(at: "/damaged", options: options) }) == .corrupted {
            waitUntil { atOpen.events.contains { if case .corruption = $0 { true } else { false } } }
        }
        try log.close()
    }

    @Test("Background work that fails is told and tried again, ever more seldom", .hangGuard)
    func backoff() throws {
        let failing = Shared(true)
        let tries = Shared(0)
        let storage = HookStorage(base: SimulatedDisk().backend) { operation, path throws(StorageError) in
            guard operation == .create, path.hasSuffix("next.tmp"), failing.value else { return }
            tries.update { $0 += 1 }
            throw StorageError(.create, path, errno: ErrorNumber.io)
        }
        let recorder = Recorder()
        var options = testOptions(LogStorage(storage), sync: .never)
        options.observer = recorder
        let log = try WriteAheadLog.open(at: "/backoff", options: options)
        for _ in 0..<40 { try log.append([UInt8](repeating: 1, count: 5000)) }
        try log.sync()
        waitUntil { tries.value > 0 }
        let start = SystemClock.monotonicNanoseconds()
        SystemClock.sleep(nanoseconds: 500_000_000)
        let made = tries.value
        // After 0, 100, 300 ms …: a loop would make thousands.
        let seconds = (SystemClock.monotonicNanoseconds() - start) / 1_000_000_000
        #expect(made < 10 + Int(seconds))
        #expect(log.state == .running)
        waitUntil { recorder.events.contains { if case .error = $0 { true } else { false } } }
        failing.value = false
        try log.rotate()
        try log.shutdown()
        #expect(log.durableLSN == 40)
    }

    @Test("A slow observer delays nothing; what it misses is counted", .hangGuard)
    func slow() throws {
        final class Slow: WalObserver {
            let gate = Shared(true)
            let heard = Shared(0)
            func log(_ log: String, did event: WalEvent) {
                waitUntil { !gate.value }
                heard.update { $0 += 1 }
            }
        }
        let slow = Slow()
        var options = testOptions(SimulatedDisk().storage, sync: .never)
        options.observer = slow
        options.observerQueue = 4
        let log = try WriteAheadLog.open(at: "/slow", options: options)
        for _ in 0..<100 { try log.appendDurably([1]) }
        let lost = log.stats().lostObserverEvents
        #expect(lost > 0)
        slow.gate.value = false
        try log.shutdown()
    }
}
