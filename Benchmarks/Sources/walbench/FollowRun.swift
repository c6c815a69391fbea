import CFloor
import Foundation
import Wal

/// From an append on one thread to the delivery of its event on another, at a moderate pace: both sleep in between.
struct FollowRun {
    var events: Int
    var pauseNanoseconds: UInt64 = 200_000

    /// Latencies, sorted.
    func floor(hops: Int32) throws -> [UInt64] {
        var latencies = [UInt64](repeating: 0, count: events)
        guard floor_handoff(UInt32(events), pauseNanoseconds, hops, &latencies) == 0 else {
            throw BenchmarkError.floor("threads")
        }
        return latencies.sorted()
    }

    func wal(_ directory: String, sync: SyncPolicy, delivery: Delivery) throws -> [UInt64] {
        var options = WriteAheadLog.Options()
        options.sync = sync
        let log = try WriteAheadLog.open(at: directory, options: options)
        let results = Results()
        let thread = Thread {
            var latencies: [UInt64] = []
            do {
                try log.follow(delivering: delivery) { event in
                    latencies.append(floor_now() - event.payload.unsafeLoadUnaligned(as: UInt64.self))
                    return .continue
                }
            } catch {
                latencies = []
            }
            results.set(latencies)
        }
        thread.start()
        var payload = Payload(size: 128)
        for _ in 0..<events {
            usleep(UInt32(pauseNanoseconds / 1000))
            try payload.with(floor_now()) { _ = try log.append($0) }
        }
        try log.shutdown()
        let latencies = results.wait()
        guard latencies.count == events else { throw BenchmarkError.wrongContents("\(latencies.count) events") }
        return latencies.sorted()
    }

    /// Processor time in a second in which followers wait and nothing happens.
    func idle(_ directory: String, followers: Int) throws -> Double {
        let log = try WriteAheadLog.open(at: directory)
        for _ in 0..<followers {
            Thread { try? log.follow { _ in .continue } }.start()
            Task { for try await _ in log.events() {} }
        }
        usleep(500_000)
        let before = floor_processor_seconds()
        sleep(1)
        let used = floor_processor_seconds() - before
        try log.close()
        return used
    }

    /// What the follower's thread hands back.
    private final class Results: @unchecked Sendable {
        // Sendable: set before the signal, read after it.
        private var latencies: [UInt64] = []
        private let done = DispatchSemaphore(value: 0)

        func set(_ latencies: [UInt64]) {
            self.latencies = latencies
            done.signal()
        }

        func wait() -> [UInt64] {
            done.wait()
            return latencies
        }
    }
}
