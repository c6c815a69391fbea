/// Times of events: from one on, and before another.
package struct TimeRange: Sendable, Hashable {
    /// The oldest time wanted; `.min`: any.
    package var since: Int64
    /// The first time not wanted any more; nil: none.
    package var until: Int64?

    package init(since: Int64 = .min, until: Int64? = nil) {
        self.since = since
        self.until = until
    }

    package func contains(_ time: Int64) -> Bool {
        if let until, time >= until { return false }
        return time >= since
    }

    /// Whether a segment can hold an event of these times.
    package func overlaps(_ summary: SegmentSummary) -> Bool {
        if let until, summary.oldestEventTime >= until { return false }
        return summary.newestEventTime >= since
    }
}

extension LogStore {
    /// The oldest event with a time from `time` on; one above the newest if there is none. Later ones may be older: clocks
    /// step back, and events carry times of their own.
    package func firstLSN(since time: Int64) throws(WalError) -> UInt64 {
        var cursor = try cursor(from: 0, through: .max, times: TimeRange(since: time))
        return try cursor.next()?.lsn ?? cursor.through + 1
    }
}
