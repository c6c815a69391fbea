import CFloor
import Foundation
import Wal

/// Measures this engine beside the floor, the contestants in turn within each round (A B C A B C).
///
///     walbench [--rounds N] [--scale X] [--workload W1|W2|W2b|W7|W12|W13]… [--engine PART OF A NAME] [--directory DIR]
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
