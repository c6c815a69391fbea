import Foundation
import Wal

/// A log of many small segments: open, seek, replay, list and retain must work under 256 descriptors and cost about the same
/// as with a hundred.
struct ManySegments {
    private static let descriptorLimit: rlim_t = 256
    private static let smallCount = 100
    private let arguments: Arguments

    init(_ arguments: Arguments) {
        self.arguments = arguments
    }

    private static var options: WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.segmentSize = 16 << 10
        options.indexSpacing = 4096
        options.sync = .never
        return options
    }

    func run() throws {
        var limit = rlimit(rlim_cur: Self.descriptorLimit, rlim_max: Self.descriptorLimit)
        try check(
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, "the limit of descriptors can't be set"
        )
        let small = try measure(Self.smallCount)
        let large = try measure(arguments.segments)
        print(
            "| segments | open ms | open after kill ms | seek µs | replay ns/event | segments() ms | retention plan µs | retain ms | memory | descriptors |"
        )
        print("|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|")
        for row in [small, large] { print(row.text) }
    }

    private struct Row {
        var segments = 0
        var open = 0.0
        var openAfterKill = 0.0
        var seek = 0.0
        var replay = 0.0
        var list = 0.0
        var plan = 0.0
        var retain = 0.0
        var peak = Peak()
        var descriptors = 0

        var text: String {
            "| \(segments) | \(fixed(open, 2)) | \(fixed(openAfterKill, 2)) | \(fixed(seek)) | \(fixed(replay)) | "
                + "\(fixed(list)) | \(fixed(plan)) | \(fixed(retain)) | \(peak.text) | \(descriptors) |"
        }
    }

    private func measure(_ count: Int) throws -> Row {
        let folder = try LogFolder(in: arguments.directory, "many-\(count)")
        try fill(folder.path, segments: count)
        var row = Row()
        row.open = median(
            try (0..<5).map { _ in
                let (log, time) = try timed { try WriteAheadLog.open(at: folder.path, options: Self.options) }
                row.peak.look()
                try log.shutdown()
                return time
            })
        // Left without an end, as by a kill: the next open recovers.
        let left = try WriteAheadLog.open(at: folder.path, options: Self.options)
        try left.append("one more")
        try left.flush()
        try left.close()
        let (log, time) = try timed { try WriteAheadLog.open(at: folder.path, options: Self.options) }
        row.openAfterKill = time
        row.segments = try log.segments().count
        let (first, last) = (log.firstLSN.rawValue, log.lastLSN.rawValue)
        var random = SystemRandomNumberGenerator()
        row.seek =
            1000
            * median(
                try (0..<500).map { _ in
                    let lsn = LSN(UInt64.random(in: first...last, using: &random))
                    return try timed {
                        var iterator = try log.iterator(from: lsn)
                        let found = try iterator.nextOwned()?.lsn
                        try check(found == lsn, "asked for \(lsn), found \(String(describing: found))")
                    }.milliseconds
                })
        var events: UInt64 = 0
        let (_, replay) = try timed {
            try log.replay { event in
                events += 1
                if events % 10_000 == 0 {
                    row.descriptors = max(row.descriptors, openDescriptors)
                    row.peak.look()
                }
                return .continue
            }
        }
        try check(events == last - first + 1, "replayed \(events) of \(last - first + 1)")
        row.replay = replay * 1e6 / Double(events)
        row.list = try timed { try log.segments() }.milliseconds
        row.peak.look()
        var policy = Retention()
        policy.maxSegments = row.segments / 2
        _ = try log.retentionPlan(policy)
        row.plan = 1000 * (try timed { try log.retentionPlan(policy) }.milliseconds)
        row.retain = try timed { try log.applyRetention(policy) }.milliseconds
        let kept = try log.segments().count
        try check(kept <= row.segments / 2, "\(kept) segments are left of \(row.segments)")
        row.descriptors = max(row.descriptors, openDescriptors)
        row.peak.look()
        try log.shutdown()
        return row
    }

    private func fill(_ path: String, segments: Int) throws {
        let log = try WriteAheadLog.open(at: path, options: Self.options)
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 200)
        for _ in 0..<segments {
            for _ in 0..<5 { try log.append(payload) }
            try log.rotate()
        }
        // A log that lives long has been sealed long ago: the background gets the time for it.
        while try log.segments().contains(where: { $0.state == .rolled }) { Thread.sleep(forTimeInterval: 0.2) }
        try log.shutdown()
    }
}
