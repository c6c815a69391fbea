import Synchronization
import WalPlatform

extension LogStore {
    /// A reader of the events `from` to `through`, across segments. 0 means the oldest; `through` is clamped to what is
    /// written. Throws `truncated` or `notYetWritten` for a start outside firstLSN … writtenLSN + 1. With `times`, `next` gives out
    /// the events of these times alone; `nextRun` leaves out frames that can't hold any.
    package func cursor(
        from: UInt64, through: UInt64, access: ReadAccess? = nil, times: TimeRange? = nil
    ) throws(WalError) -> LogCursor {
        // Seen together, or, beside the writer, in this order: the low mark never passes what is written.
        let (first, last, cuts) = catalog.withLock { (firstLSN, writtenLSN, $0.cuts.generation) }
        let start = from == 0 ? first : from
        if start < first {
            throw WalError(
                .truncated, "LSN \(start) was truncated away; the oldest event kept is \(first)", path: directory,
                lsns: LSN(start)...LSN(first - 1))
        }
        if start > last + 1 {
            throw WalError(
                .notYetWritten, "LSN \(start) is not yet written; the newest event is \(last)", path: directory,
                lsns: LSN(start)...LSN(start))
        }
        return LogCursor(
            self, from: start, through: min(through, last), access: access ?? options.readAccess, cuts: cuts,
            times: times)
    }

    /// What segments there are, oldest first.
    package func segments() throws(WalError) -> [SegmentInfo] {
        try lookingAgain { () throws(WalError) in try segmentsNow() }
    }

    private func segmentsNow() throws(WalError) -> [SegmentInfo] {
        while true {
            let cuts = cutGeneration.load(ordering: .acquiring)
            do throws(WalError) {
                return try listSegments()
            } catch {
                // One cut has put another file in the place of a segment's, and a later one has removed that.
                guard error.code == .notFound, cutGeneration.load(ordering: .acquiring) != cuts else { throw error }
            }
        }
    }

    private func listSegments() throws(WalError) -> [SegmentInfo] {
        let last = writtenLSN
        let all = catalog.withLock { $0.segments }
        var result: [SegmentInfo] = []
        for (index, segment) in all.enumerated() {
            let lastLSN = index + 1 < all.count ? all[index + 1].base - 1 : last
            if let info = try describe(segment, lastLSN: lastLSN) { result.append(info) }
        }
        return result
    }
}
