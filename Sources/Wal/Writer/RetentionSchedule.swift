internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// When the maintenance thread looks at what the log keeps: after segments were settled, on request, and, where age counts, on
/// a timer. Without a policy, never; without a limit of age there is no timer.
final class RetentionSchedule: Sendable {
    /// So many settled segments may come before a pass must not wait for the maintenance thread any more.
    private static let overdueSegments = 4

    let policy: Retention
    private let settled = Atomic<Int>(0)
    private let interval: Int64?
    private let isRequested = Atomic<Bool>(true)
    private let nextByTimer: Atomic<Int64>

    /// Nil if there is nothing to look at.
    init?(_ options: WriteAheadLog.Options) {
        guard let policy = options.retention, !policy.keepsEverything, !options.readOnly else { return nil }
        self.policy = policy
        interval = policy.maxAge == nil ? nil : options.retentionInterval.wholeNanoseconds
        nextByTimer = Atomic(.max)
    }

    /// A segment was settled: a pass is due. The maintenance thread must be kicked after.
    func noteSettled() {
        settled.add(1, ordering: .relaxed)
        request()
    }

    var isOverdue: Bool { settled.load(ordering: .relaxed) >= Self.overdueSegments }

    /// Asks for a pass; the maintenance thread must be kicked after.
    func request() {
        isRequested.store(true, ordering: .releasing)
    }

    /// Nanoseconds until the next pass, if the timer says so; nil: none is due before something happens.
    func nanosecondsLeft(now: Int64) -> Int64? {
        if isRequested.load(ordering: .acquiring) { return 0 }
        guard interval != nil else { return nil }
        return max(0, nextByTimer.load(ordering: .relaxed) - now)
    }

    /// A pass begins.
    func begin(now: Int64) {
        isRequested.store(false, ordering: .sequentiallyConsistent)
        settled.store(0, ordering: .relaxed)
        guard let interval else { return }
        let (next, overflow) = now.addingReportingOverflow(interval)
        nextByTimer.store(overflow ? .max : next, ordering: .relaxed)
    }
}
