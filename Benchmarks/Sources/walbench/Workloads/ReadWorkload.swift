import CFloor
import Foundation
import Wal

/// Fills a log for the workloads that read.
struct FillTask: LogTask {
    var size: Int
    var events: Int

    func callAsFunction<Log: BenchLog>(_ log: Log) throws {
        var payloads = BatchPayload(size: size, count: 100)
        var number = 0
        while number < events {
            try payloads.with(UInt64(number)) { try log.appendBatch($0, size: size) }
            number += 100
        }
        try log.flush()
        try log.close()
    }
}

/// W7, W8: replay of everything.
struct ReadWorkload {
    enum Manner: String, Sendable {
        case borrowed, owned, pulled, cold
    }

    var manner: Manner
    var size: Int
    var events: Int

    func run(_ contestant: Contestant, _ path: String) throws -> Sample {
        if manner == .cold, floor_drop_pages(path) != 0 { throw BenchmarkError.engine("the pages can't be dropped") }
        var digest: UInt64 = 0
        var count = 0
        var time = 0.0
        Machine.resetPeak()
        switch contestant {
        case .wal, .walRead:
            (time, digest, count) = try wal(contestant, path)
        case .floor, .floorMapped:
            time = seconds {
                count = Int(
                    manner == .owned
                        ? floor_replay_owned(path, &digest)
                        : floor_replay(path, contestant == .floorMapped ? 1 : 0, &digest))
            }
        default:
            (time, digest, count) = try contestant.open(
                path, OpenFor(isReading: true), ReplayTask(isOwned: manner == .owned))
        }
        guard count == events, digest == UInt64(events) * UInt64(events - 1) / 2 else {
            throw BenchmarkError.wrongContents("replayed \(count) events of \(events), digest \(digest)")
        }
        var sample = Sample(nanosecondsPerEvent: time * 1e9 / Double(events))
        sample.values["rate"] = Double(events * size) / time / 1e9
        sample.peakBytes = Machine.peakBytes
        return sample
    }

    private func wal(_ contestant: Contestant, _ path: String) throws -> (Double, UInt64, Int) {
        var options = WriteAheadLog.Options()
        options.readOnly = true
        options.readAccess = contestant == .walRead ? .read : .mapped
        let log = try WriteAheadLog.open(at: path, options: options)
        var digest: UInt64 = 0
        var count = 0
        let time = try seconds {
            switch manner {
            case .borrowed, .cold:
                try log.replay { event in
                    digest &+= event.payload.unsafeLoadUnaligned(as: UInt64.self)
                    count += 1
                    return .continue
                }
            case .owned:
                var events = try log.iterator()
                while let event = try events.next() {
                    let payload = event.payloadBytes
                    digest &+= payload.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
                    count += 1
                }
            case .pulled:
                var events = try log.iterator()
                while let event = try events.next() {
                    digest &+= event.payload.unsafeLoadUnaligned(as: UInt64.self)
                    count += 1
                }
            }
        }
        try log.close()
        return (time, digest, count)
    }
}

/// Replays through the engine's protocol.
private struct ReplayTask: LogTask {
    var isOwned: Bool

    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> (Double, UInt64, Int) {
        var digest: UInt64 = 0
        var count = 0
        let time = try seconds {
            if isOwned {
                try log.replayOwned {
                    digest &+= $0.withUnsafeBytes { number(of: $0) }
                    count += 1
                }
            } else {
                try log.replay {
                    digest &+= number(of: $0)
                    count += 1
                }
            }
        }
        try log.close()
        return (time, digest, count)
    }
}

/// W9: the first event at a random place of a log that is open.
struct SeekWorkload: LogTask {
    var events: Int
    var seeks: Int

    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> Sample {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % UInt64(events)
        }
        // What an engine loads once is not what finding costs.
        for _ in 0..<seeks / 10 { _ = try log.find(random()) }
        Machine.resetPeak()
        var latencies: [UInt64] = []
        latencies.reserveCapacity(seeks)
        for _ in 0..<seeks {
            let wanted = random()
            let start = floor_now()
            let found = try log.find(wanted)
            latencies.append(floor_now() - start)
            guard found == wanted else { throw BenchmarkError.wrongContents("found \(found) instead of \(wanted)") }
        }
        latencies.sort()
        var sample = Sample([
            "value": Double(latencies.quantile(0.5)) / 1e3, "p99": Double(latencies.quantile(0.99)) / 1e3,
        ])
        sample.peakBytes = Machine.peakBytes
        try log.close()
        return sample
    }
}

/// W10: opening a log, up to the first event that can be appended.
struct OpenWorkload {
    func run(_ contestant: Contestant, _ path: String) throws -> Sample {
        let start = floor_now()
        return try contestant.open(path, OpenFor(), OpenTask(start: start))
    }
}

private struct OpenTask: LogTask {
    var start: UInt64

    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> Sample {
        let time = floor_now() - start
        let peak = Machine.peakBytes
        var payload = Payload(size: 256)
        try payload.with(0) { try log.append($0) }
        try log.close()
        var sample = Sample(["value": Double(time) / 1e6])
        sample.peakBytes = peak
        return sample
    }
}
