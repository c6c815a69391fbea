import Synchronization
import WalPlatform

extension LogStore {
    /// What a pass of retention would do now. Changes nothing; works on a log opened for reading too.
    package func retentionPlan(_ policy: Retention) throws(WalError) -> RetentionReport {
        try policy.validate()
        return try lookingAgain { () throws(WalError) in
            var holds: [String: UInt64]?
            try loadHolds(&holds)
            return try planRetention(policy, holds: holds ?? [:], isPass: false).report
        }
    }

    /// Looks at the sizes and times of the segments that the first pass will ask for, by anyone and without a lock: a long log has
    /// thousands of footers to be read. Later passes find them in memory.
    package func prepareRetention(_ policy: Retention) {
        // What is wrong with the policy, or can't be read, is for the pass to say, which tries it again.
        guard !policy.keepsEverything, (try? policy.validate()) != nil,
            !hasPreparedRetention.exchange(true, ordering: .relaxed)
        else { return }
        _ = try? planRetention(policy, holds: [:], isPass: false)
    }

    /// Drops what the policy doesn't keep. For the caller of the maintenance steps.
    ///
    /// Costs memory only once the sizes and times of the segments have been looked at; a removal costs what
    /// `truncate(before:)` does.
    package func applyRetention(_ policy: Retention) throws(WalError) -> RetentionReport {
        try policy.validate()
        try checkUsable()
        if policy.keepsEverything {
            var report = RetentionReport()
            report.firstLSN = LSN(firstLSN)
            report.segmentCount = catalog.withLock { $0.segments.count }
            return report
        }
        // No checkpoint comes in between the decision and the low mark.
        return try checkpointDesk.holds.withLock { (holds) throws(WalError) in
            try loadHolds(&holds)
            let (report, lsn) = try planRetention(policy, holds: holds ?? [:], isPass: true)
            if let lsn { try truncate(before: lsn) }
            if let gone = report.removed.last(where: { $0.limits.contains(.age) })?.countsAs {
                retentionClock.noteGone(gone.nanosecondsSince1970)
            }
            return report
        }
    }

    /// The report, and where to truncate, if anything goes.
    private func planRetention(
        _ policy: Retention, holds: [String: UInt64], isPass: Bool
    ) throws(WalError) -> (report: RetentionReport, lsn: UInt64?) {
        var plan = RetentionPass(store: self, policy: policy, holds: holds)
        return try plan.run(isPass: isPass)
    }
}

/// The decision of one pass.
private struct RetentionPass {
    let store: LogStore
    let policy: Retention
    /// Checkpoints by what they have processed, the furthest behind first.
    let holds: [(name: String, lsn: UInt64)]
    private let segments: SegmentList
    private var report = RetentionReport()

    private static let namesMax = 8

    init(store: LogStore, policy: Retention, holds: [String: UInt64]) {
        self.store = store
        self.policy = policy
        self.holds = holds.map { ($0.key, $0.value) }.sorted { ($0.lsn, $0.name) < ($1.lsn, $1.name) }
        segments = store.catalog.withLock { $0.segments }
    }

    mutating func run(isPass: Bool) throws(WalError) -> (report: RetentionReport, lsn: UInt64?) {
        // Of what has not been processed by all, nothing goes; all may go that no checkpoint asks for.
        let processed = store.environment.flaws.contains(.dropsPastCheckpoints) ? .max : holds.first?.lsn ?? .max
        let clock = try clockLook(isPass: isPass)
        var ages = clock.map { clock in segmentAges(clock) }
        var bytes = try policy.maxBytes == nil ? nil : totalBytes()
        report.segmentCount = segments.count
        let first = store.firstLSN
        var target: UInt64?
        for index in segments.indices.dropLast() {
            let segment = segments[index]
            // Gone already: truncated away by somebody else.
            guard let facts = try store.facts(of: segment) else { continue }
            var limits: [RetentionReport.Limit] = []
            if let maxBytes = policy.maxBytes, let bytes, bytes > maxBytes { limits.append(.bytes) }
            let last = segments[index + 1].base - 1
            let judged = try ages?.judge(index)
            if let clock, let judged, try isTooOld(judged, clock, index) { limits.append(.age) }
            if let judged { note(judged, LSN(segment.base)...LSN(max(segment.base, last)), clock) }
            if let maxSegments = policy.maxSegments, segments.count - index > maxSegments { limits.append(.segments) }
            if limits.isEmpty { break }
            var item = RetentionReport.Item(
                firstLSN: LSN(segment.base), lastLSN: LSN(last), path: segment.path, bytes: facts.bytes,
                newestFrameTime: judged?.own.map { EventTime(nanosecondsSince1970: $0) },
                countsAs: judged?.countsAs.map { EventTime(nanosecondsSince1970: $0) }, limits: limits, heldBy: [])
            // What is counted as gone makes room for the limits, also where it is held back: nothing goes in its stead.
            bytes = bytes.map { $0 - min($0, facts.bytes) }
            // What is wholly below the low mark no checkpoint can ask for any more.
            if last > processed, last >= first, !policy.overridesCheckpoints {
                item.heldBy = holds.prefix(Self.namesMax).filter { $0.lsn < last }.map(\.name)
                report.held.append(item)
            } else {
                report.removed.append(item)
                target = last + 1
            }
        }
        finish(target)
        report.bytes = bytes.map { $0.addingClamped(report.held.reduce(UInt64(0)) { $0.addingClamped($1.bytes) }) }
        return (report, target)
    }

    private mutating func finish(_ target: UInt64?) {
        report.firstLSN = LSN(max(target ?? 0, store.firstLSN))
        report.segmentCount -= report.removed.count
        guard let target else { return }
        let first = store.firstLSN
        // Where the low mark is above what goes, a segment had been kept back (its successor was not settled): nothing more is
        // lost with it.
        for (name, lsn) in holds where max(lsn + 1, first) < target {
            report.passed.append(.init(name: name, lost: LSN(max(lsn + 1, first))...LSN(target - 1)))
        }
    }

    private func totalBytes() throws(WalError) -> UInt64 {
        var sum: UInt64 = 0
        for segment in segments { sum = sum.addingClamped(try store.facts(of: segment)?.bytes ?? 0) }
        return sum
    }

    /// Nil if the policy has no limit of age.
    private mutating func clockLook(isPass: Bool) throws(WalError) -> RetentionClock.Look? {
        guard policy.maxAge != nil else { return nil }
        let look = store.retentionClock.look(newest: try newestOfLog(), lsn: store.writtenLSN, isPass: isPass)
        report.clockTrouble = look.trouble
        return look
    }

    private func segmentAges(_ clock: RetentionClock.Look) -> SegmentAges {
        let (store, segments) = (store, segments)
        return SegmentAges(
            count: segments.count, now: clock.now, created: store.syncState.withLock { $0.superblock.created },
            newestGone: clock.newestGone
        ) { (index) throws(WalError) in
            try store.newestFrameTime(
                of: segments[index], before: index + 1 < segments.count ? segments[index + 1] : nil)
        }
    }

    private func ahead(_ judged: SegmentAges.Judgement, _ clock: RetentionClock.Look) -> Int64 {
        let next = judged.source + 1
        let ahead = clock.ahead(since: next < segments.count ? segments[next].base - 1 : store.writtenLSN)
        // What lies in the future by the clock as it was has been written since, or before that was wrong.
        let time = judged.countsAs ?? .min
        return time.subtractingClamped(clock.now.subtractingClamped(ahead)) > RetentionClock.tolerance ? 0 : ahead
    }

    private func isTooOld(
        _ judged: SegmentAges.Judgement, _ clock: RetentionClock.Look, _ index: Int
    ) throws(WalError) -> Bool {
        guard let maxAge = policy.maxAgeNanoseconds, let time = judged.countsAs else { return false }
        return time < clock.now.subtractingClamped(ahead(judged, clock)).subtractingClamped(maxAge)
    }

    private mutating func note(
        _ judged: SegmentAges.Judgement, _ lsns: ClosedRange<LSN>, _ clock: RetentionClock.Look?
    ) {
        let jumped = clock.map { ahead(judged, $0) } ?? 0
        guard let reason = judged.reason ?? (jumped > 0 ? .clockSetForward : nil),
            report.ageDoubts.count < RetentionReport.ageDoubtsMax
        else { return }
        report.ageDoubts.append(
            .init(
                lsns: lsns, newestFrameTime: judged.own.map { EventTime(nanosecondsSince1970: $0) },
                countsAs: judged.countsAs.map { EventTime(nanosecondsSince1970: $0) }, reason: reason))
    }

    /// The time of the newest frame; nil if it is not known.
    private func newestOfLog() throws(WalError) -> Int64? {
        for index in segments.indices.reversed() {
            let next = index + 1 < segments.count ? segments[index + 1] : nil
            if let time = try store.newestFrameTime(of: segments[index], before: next) { return time }
        }
        return nil
    }
}
