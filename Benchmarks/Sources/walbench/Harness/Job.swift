import CFloor
import Foundation
import Wal

/// One run of one contestant, in a process of its own: what one engine leaves in memory, threads or caches of the allocator
/// is then nobody else's.
struct Job: Codable, Sendable {
    enum Kind: String, Codable, Sendable {
        case run, prepare, kill, touch, scale
    }

    var kind: Kind
    var workload = ""
    var contestant = Contestant.wal
    var path = ""
    var scale = 1.0
    /// Of a job of the kind `scale`.
    var segments = 0
    /// Of a job of the kind `touch`.
    var bytes: UInt64 = 0

    private var sizes: Sizes { Sizes(scale: scale) }

    func run() throws -> Outcome {
        switch kind {
        case .touch:
            guard floor_touch_memory(bytes) == 0 else { throw BenchmarkError.engine("memory can't be touched") }
            return Outcome()
        case .prepare:
            try prepare()
            return Outcome()
        case .kill:
            try contestant.open(path, OpenFor(), KillTask(size: Sizes.readSize, events: sizes.readEvents / 64))
            return Outcome()
        case .scale: return Outcome(row: try ScaleWorkload(path: path, segments: segments).run())
        case .run:
            guard let workload = Workload.all.first(where: { $0.id == self.workload }) else {
                throw BenchmarkError.unsupported("the workload \(self.workload)")
            }
            var sample = try run(workload)
            if sample.diskBytes == 0 { sample.diskBytes = diskBytes(path) }
            return Outcome(sample: sample)
        }
    }

    private func run(_ workload: Workload) throws -> Sample {
        switch workload.action {
        case .append(let threads, let size, let batch):
            let events = sizes.appends(contestant, size: size, batch: batch)
            var purpose = OpenFor(bytes: events * (size + 8))
            if contestant == .walPrewritten { purpose.segmentSize = 1 << 30 }
            return try contestant.open(
                path, purpose, AppendWorkload(threads: threads, size: size, batch: batch, events: events))
        case .durable(let threads):
            return try contestant.open(
                path, OpenFor(isDurable: true),
                DurableWorkload(threads: threads, size: 128, seconds: sizes.durableSeconds))
        case .paced:
            return try contestant.open(
                path, OpenFor(segmentSize: 4 << 20),
                PacedWorkload(size: 128, perSecond: 100_000, seconds: sizes.pacedSeconds))
        case .read(let manner):
            return try ReadWorkload(manner: manner, size: Sizes.readSize, events: sizes.readEvents).run(
                contestant, path)
        case .seek:
            return try contestant.open(
                path, OpenFor(),
                SeekWorkload(
                    events: sizes.readEvents, seeks: max(sizes.seeks / (contestant.kind == .peer ? 10 : 1), 100)))
        case .open: return try OpenWorkload().run(contestant, path)
        case .sizes: return try CompressedWorkload(events: sizes.compressedEvents / 2, size: 128).sizes(path)
        case .compressed:
            return try CompressedWorkload(events: sizes.compressedEvents, size: 256).replay(contestant, path)
        case .follow: return try FollowWorkload(events: max(Int(5000 * scale), 500)).run(contestant, path)
        }
    }

    private func prepare() throws {
        switch Preparation(rawValue: workload) {
        case .plain, .killed:
            try contestant.open(path, OpenFor(), FillTask(size: Sizes.readSize, events: sizes.readEvents))
        case .compressed:
            try CompressedWorkload(events: sizes.compressedEvents, size: 256).fillCompressed(path)
        case nil: throw BenchmarkError.unsupported("the preparation \(workload)")
        }
    }
}

/// What a job hands back.
struct Outcome: Codable, Sendable {
    var sample: Sample?
    var row: ScaleRow?
}

/// Appends to a log, and dies by a signal, as by a crash of the process.
private struct KillTask: LogTask {
    var size: Int
    var events: Int

    func callAsFunction<Log: BenchLog>(_ log: Log) throws {
        var payload = Payload(size: size)
        for number in 0..<events { try payload.with(UInt64(number)) { try log.append($0) } }
        try log.flush()
        kill(getpid(), SIGKILL)
    }
}
