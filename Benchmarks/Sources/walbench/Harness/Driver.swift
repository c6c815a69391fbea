import Foundation

/// Runs the workloads: contestants in turn within each round, each run in a fresh process on a fresh log, memory touched
/// before every run that fills the page cache.
struct Driver {
    var workloads: [Workload]
    var contestants: Set<Contestant>
    var rounds: Int
    var scale: Double
    var directory: String
    /// Progress, a line at a time.
    var tell: (String) -> Void
    /// Takes what has been measured so far, after each workload: a later failure loses none of it.
    var keep: (Record) throws -> Void

    private var root: String { directory + "/walbench-\(getpid())" }

    func run(scaling: [Int]) throws -> Record {
        let start = ContinuousClock.now
        let date = ISO8601DateFormatter().string(from: Date())
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: root) } catch { tell("\(root) is left over: \(error)") }
        }
        try prepare()
        var record = Record(
            date: date, system: Machine.description, processors: ProcessInfo.processInfo.activeProcessorCount,
            memoryBytes: Machine.memoryBytes, rounds: rounds, scale: scale, seconds: 0, results: [], scaling: [])
        func passed() -> Double { start.duration(to: .now) / .seconds(1) }
        for workload in workloads {
            record.results.append(try run(workload))
            record.seconds = passed()
            try keep(record)
        }
        for segments in scaling {
            tell("scaling: \(segments) segments")
            let path = try fresh("scale")
            do {
                let job = Job(kind: .scale, path: path, segments: segments)
                if let row = try ChildProcess.run(job).row { record.scaling.append(row) }
            } catch {
                // What was measured before must not be lost.
                tell("scaling: \(error)")
            }
            try remove(path)
        }
        record.seconds = passed()
        return record
    }

    /// Who takes part in a workload here.
    private func field(_ workload: Workload) -> [Contestant] {
        workload.contestants.filter {
            contestants.contains($0) && ($0.kind != .peer || Contestant.peersAreBuilt)
        }
    }

    private func fresh(_ name: String) throws -> String {
        let path = root + "/" + name
        try remove(path)
        return path
    }

    private func remove(_ path: String) throws {
        for path in [path, path + "-idle", path + "-single", path + "-batches"]
        where FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
    }

    // MARK: Logs that are read

    /// The logs that the chosen workloads read, each made once; a contestant in another manner reads the same one.
    private func prepare() throws {
        var done: Set<String> = []
        for workload in workloads {
            guard let preparation = workload.reads else { continue }
            for contestant in field(workload) {
                let path = readPath(preparation, contestant)
                guard done.insert(path).inserted else { continue }
                tell("preparing \(path.split(separator: "/").last ?? "")")
                try touch(Sizes(scale: scale).readBytes)
                _ = try ChildProcess.run(
                    Job(
                        kind: .prepare, workload: preparation.rawValue, contestant: contestant.writerOfItsLog,
                        path: path, scale: scale))
            }
        }
        // What was written must not be written back while others are measured.
        if !done.isEmpty { sync() }
    }

    private func readPath(_ preparation: Preparation, _ contestant: Contestant) -> String {
        let owner = preparation == .compressed ? Contestant.wal : contestant.writerOfItsLog
        return root + "/\(preparation.rawValue)-\(owner.rawValue)"
    }

    /// Has the host give this machine as much memory as a run will fill.
    private func touch(_ bytes: Int) throws {
        _ = try ChildProcess.run(Job(kind: .touch, bytes: UInt64(bytes) + (128 << 20)))
    }

    // MARK: Runs

    private func run(_ workload: Workload) throws -> WorkloadResult {
        var series = field(workload).map { Series(contestant: $0) }
        for round in 0..<rounds {
            for index in series.indices where series[index].failure == nil {
                let contestant = series[index].contestant
                do {
                    series[index].samples.append(try run(workload, contestant))
                } catch {
                    series[index].failure = "\(error)"
                    tell("\(workload.id) \(contestant.rawValue): \(error)")
                }
            }
            if round == 0 { tell("\(workload.id) \(workload.title)") }
        }
        return WorkloadResult(workload, series)
    }

    private func run(_ workload: Workload, _ contestant: Contestant) throws -> Sample {
        var path = ""
        var isOwnCopy = true
        if let preparation = workload.reads {
            path = readPath(preparation, contestant)
            isOwnCopy = false
            if case .open(afterKill: true) = workload.action {
                // Killed anew each time: a copy would have other bytes in memory and other room set aside.
                _ = try ChildProcess.run(
                    Job(kind: .kill, contestant: contestant, path: path, scale: scale), mayDie: true)
                sync()
            } else if case .open = workload.action {
                // Opening changes a log.
                let copy = try fresh("copy")
                try FileManager.default.copyItem(atPath: path, toPath: copy)
                sync()
                path = copy
                isOwnCopy = true
            }
        } else {
            path = try fresh("log")
            if case .append(_, let size, let batch) = workload.action {
                try touch(Sizes(scale: scale).appends(contestant, size: size, batch: batch) * (size + 32))
            }
        }
        let job = Job(kind: .run, workload: workload.id, contestant: contestant, path: path, scale: scale)
        let outcome = try ChildProcess.run(job)
        if isOwnCopy { try remove(path) }
        guard let sample = outcome.sample else { throw BenchmarkError.engine("the run gave nothing") }
        return sample
    }
}

extension Contestant {
    /// Contestants that differ in how they read share a log.
    var writerOfItsLog: Contestant {
        switch self {
        case .walRead, .walPrewritten: .wal
        case .floorMapped, .floorAllocated, .floorPrewritten: .floor
        case .rocksdbManual: .rocksdb
        case .sqliteFull: .sqliteNormal
        default: self
        }
    }
}

extension WorkloadResult {
    init(_ workload: Workload, _ series: [Series]) {
        self.init(
            id: workload.id, title: workload.title, unit: workload.unit, lowerIsBetter: workload.lowerIsBetter,
            target: workload.target, value: workload.value,
            also: workload.also.map { .init(name: $0.name, unit: $0.unit) },
            series: series)
        func cost(_ series: Series) -> Double? {
            series.median(workload.value).map { workload.lowerIsBetter ? $0 : 1 / $0 }
        }
        let floor = series.first { $0.contestant == workload.floor }.flatMap(cost)
        let peers = series.filter { $0.contestant.kind == .peer }.compactMap { series in
            cost(series).map { (series.contestant, $0) }
        }
        let best = peers.min { $0.1 < $1.1 }
        bestPeer = best?.0
        for ours in series where ours.contestant.kind == .ours {
            guard let value = cost(ours) else { continue }
            if let floor { toFloor[ours.contestant.rawValue] = value / floor }
            if let best { toBestPeer[ours.contestant.rawValue] = value / best.1 }
        }
    }
}
