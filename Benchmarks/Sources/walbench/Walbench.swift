import CFloor
import Foundation
import Wal

/// Measures this engine beside the floor, the contestants in turn within each round (A B C A B C).
///
///     walbench [--rounds N] [--scale X] [--workload W1|W2|W2b|W7|W12|W13|W14]… [--engine PART OF A NAME] [--directory DIR]
@main
struct Walbench {
    struct Contestant {
        var name: String
        var run: () throws -> Measurement
    }

    var rounds = 5
    var scale = 1.0
    var workloads: [String] = []
    var engine = ""
    var directory = NSTemporaryDirectory()

    static func main() {
        do {
            var bench = Walbench()
            try bench.parse(Array(CommandLine.arguments.dropFirst()))
            try bench.run()
        } catch {
            FileHandle.standardError.write(Data("walbench: \(error)\n".utf8))
            exit(1)
        }
    }

    mutating func parse(_ arguments: [String]) throws {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            guard let value = rest.popFirst() else { throw BenchmarkError.wrongContents("\(option) needs a value") }
            switch option {
            case "--rounds": rounds = Int(value) ?? rounds
            case "--scale": scale = Double(value) ?? scale
            case "--workload": workloads.append(value)
            case "--engine": engine = value
            case "--directory": directory = value
            default: throw BenchmarkError.wrongContents("unknown option \(option)")
            }
        }
        if workloads.isEmpty { workloads = ["W1", "W2", "W2b", "W7", "W12", "W13"] }
    }

    func run() throws {
        let root = directory + "/walbench-\(getpid())"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        for workload in workloads {
            switch workload {
            case "W1": try measure("W1  append 128 B, 1 thread", appends(root, threads: 1))
            case "W2": try measure("W2  append 128 B, 4 threads", appends(root, threads: 4))
            case "W2b": try measure("W2b append 128 B, 16 threads", appends(root, threads: 16))
            case "W7": try measureReplay(root)
            case "W12": try CompressedRun(root: root, events: Int(4_000_000 * scale)).bytesPerEvent()
            case "W13": try CompressedRun(root: root, events: Int(4_000_000 * scale)).replay(rounds: rounds)
            case "W14": try measureFollow(root)
            default: throw BenchmarkError.wrongContents("unknown workload \(workload)")
            }
        }
    }

    private func appends(_ root: String, threads: Int) -> [Contestant] {
        let run = AppendRun(threads: threads, events: Int(16_000_000 * scale), size: 128)
        func fresh(_ body: @escaping (String) throws -> Measurement) -> () throws -> Measurement {
            {
                let path = root + "/run"
                try? FileManager.default.removeItem(atPath: path)
                floor_touch_memory(3 << 30)
                defer { try? FileManager.default.removeItem(atPath: path) }
                return try body(path)
            }
        }
        return [
            Contestant(name: "wal (allocated)", run: fresh { try run.wal($0) }),
            Contestant(name: "wal (growing)", run: fresh { try run.wal($0, preallocation: .growing) }),
            Contestant(name: "floor (growing)", run: fresh { try run.floor($0, preparation: 0) }),
            Contestant(name: "floor (allocated)", run: fresh { try run.floor($0, preparation: 1) }),
        ]
    }

    private func measureReplay(_ root: String) throws {
        let run = ReplayRun(events: Int(4_194_304 * scale), size: 256)
        let ours = root + "/replay"
        let floor = root + "/replay-floor"
        floor_touch_memory(3 << 30)
        try run.fill(wal: ours)
        try run.fill(floor: floor)
        try measure(
            "W7  replay 1 GiB of 256 B events, warm",
            [
                Contestant(name: "wal iterator, mapped", run: { try run.wal(ours, access: .mapped) }),
                Contestant(name: "wal iterator, read", run: { try run.wal(ours, access: .read) }),
                Contestant(name: "wal replay, mapped", run: { try run.walReplay(ours) }),
                Contestant(name: "floor, pread", run: { try run.floor(floor) }),
            ])
    }

    private func measureFollow(_ root: String) throws {
        print("W14 append on one thread to delivery on another, median of p50 and of p99 over the rounds")
        let run = FollowRun(events: Int(5000 * scale))
        func fresh(_ body: (String) throws -> [UInt64]) throws -> [UInt64] {
            let path = root + "/follow"
            defer { try? FileManager.default.removeItem(atPath: path) }
            return try body(path)
        }
        let contestants: [(String, () throws -> [UInt64])] = [
            ("floor: one futex hand-off", { try run.floor(hops: 1) }),
            ("floor: two", { try run.floor(hops: 2) }),
            ("wal, never, written", { try fresh { try run.wal($0, sync: .never, delivery: .written) } }),
            ("wal, batch, written", { try fresh { try run.wal($0, sync: .batch, delivery: .written) } }),
            ("wal, batch, durable", { try fresh { try run.wal($0, sync: .batch, delivery: .durable) } }),
        ]
        var results = contestants.map { _ in (half: [UInt64](), most: [UInt64]()) }
        for _ in 0..<rounds {
            for (index, contestant) in contestants.enumerated() where contestant.0.contains(engine) || engine.isEmpty {
                let sorted = try contestant.1()
                results[index].half.append(sorted[sorted.count / 2])
                results[index].most.append(sorted[sorted.count * 99 / 100])
            }
        }
        for (contestant, result) in zip(contestants, results) where !result.half.isEmpty {
            let (half, most) = (result.half.sorted(), result.most.sorted())
            print(
                String(
                    format: "  %-28@ p50 %6.1f us [%.1f – %.1f]   p99 %7.1f us", contestant.0 as NSString,
                    Double(half[half.count / 2]) / 1e3, Double(half[0]) / 1e3, Double(half[half.count - 1]) / 1e3,
                    Double(most[most.count / 2]) / 1e3))
        }
        print(
            String(
                format: "  8 threads and 8 tasks that wait use %.4f s of processor time in one second",
                try run.idle(root + "/idle", followers: 8)))
    }

    private func measure(_ title: String, _ all: [Contestant]) throws {
        print(title)
        let contestants = all.filter { engine.isEmpty || $0.name.contains(engine) }
        var results = contestants.map { _ in [Double]() }
        for _ in 0..<rounds {
            for (index, contestant) in contestants.enumerated() {
                results[index].append(try contestant.run().nanosecondsPerEvent)
            }
        }
        for (contestant, times) in zip(contestants, results) {
            let sorted = times.sorted()
            print(
                String(
                    format: "  %-24@ median %7.1f ns/event  [%.1f – %.1f]", contestant.name as NSString,
                    sorted[sorted.count / 2], sorted.first ?? 0, sorted.last ?? 0))
        }
    }
}
