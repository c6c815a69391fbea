import WalPlatform

/// Where frames go on behind damage whose events were all truncated away.
struct LostFrames {
    /// The next frame that can be read.
    var entry: IndexEntry
    /// The time of a frame beside the damage.
    var time: Int64
}

extension FrameChain {
    /// The next frame behind one that is damaged, if no event of an LSN from `firstKept` on is lost; else nil.
    ///
    /// Reads on to the first frame header that holds, which is proof by its checksum.
    func frame(
        behindDamage check: FrameCheck, _ window: ByteWindow, notAbove firstKept: UInt64
    ) throws(StorageError) -> LostFrames? {
        guard nextLSN < firstKept else { return nil }
        switch check {
        case .whole(let frame, _), .fault(.body, let frame?):
            guard frame.nextLSN <= firstKept else { return nil }
            return LostFrames(
                entry: Self.entry(frame.nextLSN, offset + UInt64(frame.size)), time: frame.time)
        case .fault(.block, _):
            guard let damage = try window.damage(at: offset) else { return nil }
            return try scan(window, from: (damage.upperBound + 7) & ~7, notAbove: firstKept)
        case .fault(.header, _), .fault(.absent, _), .fault(.length, _), .fault(.body, _):
            return try scan(window, from: offset + 8, notAbove: firstKept)
        case .fault:
            // A whole header that is not the next one's: what follows may be another copy's.
            return nil
        }
    }

    private func scan(
        _ window: ByteWindow, from start: UInt64, notAbove firstKept: UInt64
    ) throws(StorageError) -> LostFrames? {
        var place = start
        while let found = try header(window, at: place) {
            if let frame = found.frame, frame.firstLSN > nextLSN {
                guard frame.firstLSN <= firstKept else { return nil }
                return LostFrames(entry: Self.entry(frame.firstLSN, place), time: frame.time)
            }
            place = found.next
        }
        return nil
    }

    /// The frame header at a place, and where to look next; nil behind the last.
    private func header(
        _ window: ByteWindow, at place: UInt64
    ) throws(StorageError) -> (frame: FrameHeader?, next: UInt64)? {
        do throws(StorageError) {
            guard let start = try window.bytes(at: place, count: Layout.frameHeaderSize) else { return nil }
            let frame = FrameHeader(at: start, seed: FrameHeader.seed(salt: salt, offset: place))
            return (frame, place + 8)
        } catch {
            guard let damage = error.damage else { throw error }
            return (nil, max(place + 8, (damage.upperBound + 7) & ~7))
        }
    }

    private static func entry(_ lsn: UInt64, _ offset: UInt64) -> IndexEntry {
        IndexEntry(lsn: lsn, offset: offset, newestEventTime: .min, newestFrameTime: .min)
    }
}
