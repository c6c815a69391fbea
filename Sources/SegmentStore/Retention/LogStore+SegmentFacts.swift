import Synchronization
import WalPlatform

extension LogStore {
    /// What retention and time-based reading ask of a segment.
    struct SegmentFacts {
        /// The size of its file; of a segment that is not sealed, the bytes used.
        var bytes: UInt64
        /// What its frames add up to, if it is sealed and its footer is intact.
        var summary: SegmentSummary?
    }

    /// Size and summary of a segment: out of memory, but for the first time of one that was sealed in an earlier life, whose
    /// file is opened for it. Nil if it was truncated away.
    func facts(of segment: Segment) throws(WalError) -> SegmentFacts? {
        let info = segment.info.withLock { ($0.isRemoved, $0.state, $0.end, $0.fileSize, $0.summary) }
        let (isRemoved, state, end, size, summary) = info
        if isRemoved { return nil }
        guard state == .sealed else {
            return SegmentFacts(bytes: end ?? segment.writtenEnd.load(ordering: .acquiring))
        }
        // Where the size is known the footer was looked at, whether or not it holds.
        if let size { return SegmentFacts(bytes: size, summary: summary) }
        return try readFacts(of: segment)
    }

    private func readFacts(of segment: Segment) throws(WalError) -> SegmentFacts? {
        let headers = HeaderReader(storage: storage, directory: directory)
        do throws(StorageError) {
            let info = try look(at: segment, headers)
            return SegmentFacts(bytes: info.fileSize ?? 0, summary: info.summary)
        } catch {
            if error.damage != nil {
                // It is for readers and verification to say what is damaged.
                return SegmentFacts(bytes: try fileSize(of: segment, headers))
            }
            guard error.isNotFound else { throw error.wal("open a segment") }
            if try headers.isTruncatedAway(segment) { return nil }
            throw WalError(
                .missingSegment, "the segment's file is gone", path: segment.path,
                lsns: LSN(segment.base)...LSN(segment.base))
        }
    }
}
