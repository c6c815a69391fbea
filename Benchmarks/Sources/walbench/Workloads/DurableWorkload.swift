import CFloor
import Foundation

/// W5 and W6: durable appends from one or more threads for a given time; every acknowledged event must be there afterwards.
struct DurableWorkload: LogTask {
    var threads: Int
    var size: Int
    var seconds: Double

    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> Sample {
        let size = self.size
        let share = 1 << 30
        let end = floor_now() + UInt64(seconds * 1e9)
        let results = Latencies()
        Machine.resetPeak()
        let time = try walbench.seconds {
            try inParallel(threads) { thread in
                var payload = Payload(size: size)
                var latencies: [UInt64] = []
                latencies.reserveCapacity(1 << 16)
                var number = UInt64(thread * share)
                var now = floor_now()
                while now < end {
                    try payload.with(number) { try log.appendDurably($0) }
                    let after = floor_now()
                    latencies.append(after - now)
                    now = after
                    number += 1
                }
                results.add(latencies)
            }
        }
        let sorted = results.sorted()
        var sample = Sample([
            "p50": Double(sorted.quantile(0.5)) / 1e3, "p99": Double(sorted.quantile(0.99)) / 1e3,
            "rate": Double(sorted.count) / time,
        ])
        sample.peakBytes = Machine.peakBytes
        var check = ContentsCheck(threads: threads, share: share, size: size)
        try log.replay { check.see($0) }
        try check.end(expected: sorted.count)
        try log.close()
        return sample
    }
}

/// Latencies of several threads.
final class Latencies: @unchecked Sendable {
    // Sendable: `lock` guards `all`.
    private let lock = NSLock()
    private var all: [UInt64] = []

    func add(_ latencies: [UInt64]) { lock.withLock { all += latencies } }
    func sorted() -> [UInt64] { lock.withLock { all.sorted() } }
}

/// W11: the latency of the call at a steady pace across rolls.
struct PacedWorkload: LogTask {
    var size: Int
    var perSecond: Int
    var seconds: Double

    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> Sample {
        let count = Int(Double(perSecond) * seconds)
        var latencies: [UInt64] = []
        latencies.reserveCapacity(count)
        var payload = Payload(size: size)
        let pause = UInt64(1_000_000_000 / perSecond)
        let start = floor_now()
        for number in 0..<count {
            let due = start + UInt64(number) * pause
            var now = floor_now()
            while now < due { now = floor_now() }
            try payload.with(UInt64(number)) { try log.append($0) }
            latencies.append(floor_now() - now)
        }
        try log.flush()
        latencies.sort()
        var sample = Sample([
            "p50": Double(latencies.quantile(0.5)) / 1e3, "p99": Double(latencies.quantile(0.99)) / 1e3,
            "p999": Double(latencies.quantile(0.999)) / 1e3, "max": Double(latencies.last ?? 0) / 1e3,
        ])
        sample.peakBytes = Machine.peakBytes
        var check = ContentsCheck(threads: 1, share: 1 << 30, size: size)
        try log.replay { check.see($0) }
        try check.end(expected: count)
        try log.close()
        return sample
    }
}
