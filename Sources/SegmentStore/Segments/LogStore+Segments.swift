import Synchronization
import WalPlatform

extension LogStore {
    /// What there is to say of a segment; nil if it was truncated away meanwhile. Of a sealed one the file is looked at the first
    /// time only.
    func describe(_ segment: Segment, lastLSN: UInt64) throws(WalError) -> SegmentInfo? {
        let headers = HeaderReader(storage: storage, directory: directory)
        if segment.info.withLock({ $0.isRemoved }) { return nil }
        var info = segment.info.withLock { $0 }
        if info.state != .sealed || info.fileSize == nil || info.rawSize == nil || info.summary == nil {
            do throws(StorageError) {
                info = try look(at: segment, headers)
            } catch {
                if error.isNotFound, try headers.isTruncatedAway(segment) { return nil }
                guard error.damage != nil else { throw error.wal("look at a segment") }
                // It is for verification to say what is damaged; here the file's size is all there is.
                info.fileSize = try fileSize(of: segment, headers)
            }
        }
        let fileSize = info.fileSize ?? 0
        let used = info.end ?? segment.writtenEnd.load(ordering: .acquiring)
        let summary = info.summary
        return SegmentInfo(
            firstLSN: LSN(segment.base), lastLSN: LSN(lastLSN), sequence: segment.sequence, state: info.state,
            path: segment.path(isCompressed: info.isCompressed), fileSize: fileSize,
            usedBytes: info.state == .sealed ? fileSize : used, isCompressed: info.isCompressed,
            rawBytes: info.rawSize ?? fileSize,
            eventTimes: summary.flatMap { summary in
                summary.oldestEventTime <= summary.newestEventTime
                    ? EventTime(
                        nanosecondsSince1970: summary.oldestEventTime)...EventTime(
                            nanosecondsSince1970: summary.newestEventTime) : nil
            },
            newestFrameTime: summary.flatMap { summary in
                summary.eventCount > 0 ? EventTime(nanosecondsSince1970: summary.newestFrameTime) : nil
            })
    }

    /// The size of a segment's file, whatever is in it.
    func fileSize(of segment: Segment, _ headers: HeaderReader) throws(WalError) -> UInt64 {
        try attempt("look at a segment") { () throws(StorageError) in
            let file = try storage.open(segment.path, .readOnly)
            defer { headers.close(file) }
            return try file.size()
        }
    }

    /// Looks at a segment's file, and keeps what will not change.
    func look(at segment: Segment, _ headers: HeaderReader) throws(StorageError) -> Segment.Info {
        let file = try headers.open(segment)
        defer { headers.close(file) }
        let rawSize = try file.size()
        let fileSize = (file as? CompressedSegmentFile)?.fileSize ?? rawSize
        let isSealed = segment.info.withLock { $0.state == .sealed }
        var footer = isSealed ? try headers.footerBlock(file) : nil
        if let found = footer, found.identity != identity || found.sequence != segment.sequence { footer = nil }
        return segment.info.withLock { info in
            guard isSealed, info.isCompressed == (file is CompressedSegmentFile) else {
                var copy = info
                copy.fileSize = fileSize
                copy.rawSize = rawSize
                return copy
            }
            info.fileSize = fileSize
            info.rawSize = rawSize
            info.summary = info.summary ?? footer?.summary
            return info
        }
    }
}
