import CFloor
import Foundation
import Wal

/// W14: from an append on one thread to the delivery of its event on another, at a moderate pace: both sleep in between.
struct FollowWorkload {
    var events: Int
    var pauseNanoseconds: UInt64 = 200_000

    func run(_ contestant: Contestant, _ path: String) throws -> Sample {
        var latencies: [UInt64]
        var sample = Sample([:])
        if contestant.kind == .floor {
            latencies = [UInt64](repeating: 0, count: events)
            // An event passes two threads: the writer, and the follower.
            guard floor_handoff(UInt32(events), pauseNanoseconds, 2, &latencies) == 0 else {
                throw BenchmarkError.engine("no threads for the floor")
            }
        } else {
            latencies = try wal(path)
            sample.values["idle"] = try idle(path + "-idle", followers: 8) * 1000
        }
        latencies.sort()
        sample.values["value"] = Double(latencies.quantile(0.5)) / 1e3
        sample.values["p99"] = Double(latencies.quantile(0.99)) / 1e3
        sample.peakBytes = Machine.peakBytes
        return sample
    }

    private func wal(_ path: String) throws -> [UInt64] {
        var options = WriteAheadLog.Options()
        options.sync = .never
        let log = try WriteAheadLog.open(at: path, options: options)
        let results = Results()
        let thread = Thread {
            var latencies: [UInt64] = []
            do {
                try log.follow(delivering: .written) { event in
                    latencies.append(floor_now() - event.payload.unsafeLoadUnaligned(as: UInt64.self))
                    return .continue
                }
                results.set(.success(latencies))
            } catch {
                results.set(.failure(error))
            }
        }
        thread.start()
        var payload = Payload(size: 128)
        for _ in 0..<events {
            usleep(UInt32(pauseNanoseconds / 1000))
            try payload.with(floor_now()) { _ = try log.append($0) }
        }
        try log.shutdown()
        let latencies = try results.wait()
        guard latencies.count == events else { throw BenchmarkError.wrongContents("\(latencies.count) events") }
        return latencies
    }

    /// Processor seconds used in a second in which followers wait and nothing happens.
    private func idle(_ path: String, followers: Int) throws -> Double {
        let log = try WriteAheadLog.open(at: path)
        for _ in 0..<followers {
            // They end when the log is closed, which is all that their errors say.
            Thread { try? log.follow { _ in .continue } }.start()
            Task { for try await _ in log.events() {} }
        }
        usleep(300_000)
        let before = floor_processor_seconds()
        usleep(500_000)
        let used = floor_processor_seconds() - before
        try log.close()
        return used * 2
    }

    /// What the follower's thread hands back.
    private final class Results: @unchecked Sendable {
        // Sendable: set before the signal, read after it.
        private var latencies = Result<[UInt64], any Error>.success([])
        private let done = DispatchSemaphore(value: 0)

        func set(_ latencies: Result<[UInt64], any Error>) {
            self.latencies = latencies
            done.signal()
        }

        func wait() throws -> [UInt64] {
            done.wait()
            return try latencies.get()
        }
    }
}
