import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("An idle log costs nothing, and a forgotten one goes by itself", .serialized)
struct IdleTests {
    private static func usage() -> rusage {
        var usage = rusage()
        #if canImport(Glibc)
        // An enumeration there, whose call takes a plain number.
        getrusage(CInt(RUSAGE_SELF.rawValue), &usage)
        #else
        getrusage(RUSAGE_SELF, &usage)
        #endif
        return usage
    }

    /// Processor time of the calling process, user and system.
    static func processorSeconds() -> Double {
        let usage = usage()
        let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        return seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1_000_000
    }

    /// How often threads of the process went to sleep.
    static func voluntarySwitches() -> Int { Int(usage().ru_nvcsw) }

    /// Whether within some looks there is one in which the calling process does next to nothing: less than a quarter of a
    /// processor's time, and `switches` a second. What a slow machine puts off ends; what spins goes on.
    static func becomesQuiet(switches: Double = .infinity) -> Bool {
        for _ in 0..<40 {
            let before = (processorSeconds(), voluntarySwitches(), SystemClock.monotonicNanoseconds())
            SystemClock.sleep(nanoseconds: 400_000_000)
            let seconds = Double(SystemClock.monotonicNanoseconds() - before.2) / 1e9
            let slept = Double(voluntarySwitches() - before.1)
            if processorSeconds() - before.0 < seconds / 4, slept < switches * seconds { return true }
        }
        return false
    }

    @Test("The counters answer in every state", .hangGuard)
    func statistics() throws {
        let gate = DiskGate()
        let options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        let log = try WriteAheadLog.open(at: "/stats", options: options)
        #expect(log.stats() == log.stats())
        gate.shut(.write)
        for _ in 0..<3 { try log.append([1, 2, 3]) }
        let queued = log.stats()
        #expect(queued.appendedEvents == 3 && queued.queuedEvents == 3 && queued.queuedBytes > 0)
        #expect(queued.lastAssignedLSN == 3 && queued.lastLSN == 0 && queued.durableLSN == 0 && queued.firstLSN == 1)
        #expect(code { try log.shutdown(timeout: .zero) } == .timedOut)
        #expect(log.stats().queuedEvents == 3)
        gate.open()
        try log.shutdown()
        let closed = log.stats()
        #expect(closed.durableLSN == 3 && closed.queuedEvents == 0 && closed.queuedBytes == 0)
        #expect(closed.writtenGroups > 0 && closed.writtenBytes > 9)

        let failing = try WriteAheadLog.open(at: "/stats-failed", options: options)
        gate.fail(.write, ErrorNumber.io)
        #expect(code { try failing.appendDurably([1]) } == .failed)
        #expect(code { try failing.append([1]) } == .failed)
        #expect(failing.stats().appendedEvents == 1 && failing.stats().refusedAppends == 1)
        #expect(code { try failing.close() } == .discarded)
        #expect(failing.stats().queuedEvents == 1)
    }

    #if os(Linux) || os(macOS)
    @Test("After its work the log's threads sleep", .hangGuard)
    func sleeps() async {
        // In a process of its own: other tests work in this one.
        await #expect(processExitsWith: .success) {
            for sync in [SyncPolicy.batch, .never, .interval(.milliseconds(1)), .bytes(1 << 20)] {
                let log = try WriteAheadLog.open(
                    at: "/sleeps", options: testOptions(SimulatedDisk().storage, sync: sync))
                for _ in 0..<100 { try log.append([1]) }
                try log.flush()
                // The position is recorded once the log has been idle for a moment; after that nothing is due.
                SystemClock.sleep(nanoseconds: 300_000_000)
                precondition(IdleTests.becomesQuiet(), "the idle log is busy")
                try log.shutdown()
            }
        }
    }

    @Test(
        "Those who wait for events sleep, threads and tasks, also beside another process's log", .hangGuard
    )
    func followersSleep() async {
        await #expect(processExitsWith: .success) {
            let disk = SimulatedDisk()
            let log = try await WriteAheadLog.open(at: "/sleeps", options: testOptions(disk.storage))
            try await log.appendDurably("1")
            var options = testOptions(disk.storage)
            options.readOnly = true
            let other = try await WriteAheadLog.open(at: "/sleeps", options: options)
            let seen = Shared(0)
            for log in [log, other] {
                for delivery in [Delivery.durable, .written] {
                    for _ in 0..<8 {
                        _ = try SystemThread(name: "follower") {
                            try? log.follow(delivering: delivery) { _ in
                                seen.update { $0 += 1 }
                                return .continue
                            }
                        }
                        Task {
                            for try await _ in log.events(delivering: delivery) { seen.update { $0 += 1 } }
                        }
                    }
                }
            }
            waitUntil { seen.value == 64 }
            // The poller of the log that is open for reading alone wakes some times a second, whatever follows it.
            precondition(IdleTests.becomesQuiet(switches: 60), "followers are busy, or wake without a reason")
            try await log.appendDurably("2")
            waitUntil { seen.value == 128 }
        }
    }
    #endif

    @Test(
        "Logs dropped without closing, with events queued or a reader at work, free the lock", .hangGuard)
    func dropped() throws {
        let disk = SimulatedDisk()
        for round in 0..<20 {
            var log: WriteAheadLog? = try WriteAheadLog.open(at: "/dropped", options: testOptions(disk.storage))
            try log?.append([UInt8](repeating: 1, count: 1000))
            if round % 2 == 0 {
                try log?.replay { _ in
                    // The last reference but the one that replays.
                    log = nil
                    return .continue
                }
            }
            log = nil
            waitUntil {
                guard let next = try? WriteAheadLog.open(at: "/dropped", options: testOptions(disk.storage)) else {
                    return false
                }
                return (try? next.close()) != nil
            }
        }
    }
}
