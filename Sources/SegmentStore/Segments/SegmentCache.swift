import Synchronization
package import WalPlatform

/// What opening a segment has found out: checked, and as it will stay for as long as the file has its name, or, of a segment that
/// is being written, until there is more.
package final class OpenedSegment: Sendable {
    /// How its bytes are reached.
    package enum Content: Sendable {
        /// Through a map, which needs no descriptor.
        case mapping(any StorageMapping)
        /// Through a descriptor that each reader opens for itself.
        case file
        /// The same, and through the seek table.
        case compressed(CompressedSegmentFile.Facts)
    }

    package let segment: Segment
    package let path: String
    package let header: SegmentHeader
    /// Of a sealed segment alone, as is the index.
    package let footer: SegmentFooter?
    package let index: SparseIndex?
    /// The end of its frames then.
    package let end: UInt64
    package let state: SegmentInfo.State
    package let content: Content
    /// Which file it was, if the storage can tell.
    package let status: FileStatus?

    init(
        _ segment: Segment, path: String, header: SegmentHeader, footer: SegmentFooter?, index: SparseIndex?,
        end: UInt64, state: SegmentInfo.State, content: Content, status: FileStatus?
    ) {
        self.segment = segment
        self.path = path
        self.header = header
        self.footer = footer
        self.index = index
        self.end = end
        self.state = state
        self.content = content
        self.status = status
    }

    package var isCompressed: Bool {
        if case .compressed = content { return true }
        return false
    }

    var isMapped: Bool {
        if case .mapping = content { return true }
        return false
    }
}

/// The segments that were looked for lately, so that finding an event again takes neither header nor index from the disk.
///
/// Bounded by number and by the size of the indexes; the one used longest ago goes first. Holds no descriptor. A segment whose
/// file goes or is replaced is dropped here, so that its room on the disk is free once no reader is in it.
package final class SegmentCache: Sendable {
    /// As many as a small disk has; a map costs address space alone.
    package static let segmentsMax = 64
    /// Beside a writer, whose removals are heard of only when the log is looked at again.
    package static let segmentsMaxReadOnly = 32
    package static let indexBytesMax = 4 << 20

    private struct Entry: Sendable {
        let opened: OpenedSegment
        var lastUse: UInt64
    }

    private struct State: Sendable {
        var entries: [UInt64: Entry] = [:]
        var uses: UInt64 = 0
        var indexBytes = 0
        /// Rises when all are forgotten.
        var generation: UInt64 = 0
        var isClosed = false

        mutating func remove(_ base: UInt64) -> OpenedSegment? {
            guard let entry = entries.removeValue(forKey: base) else { return nil }
            indexBytes -= entry.opened.index?.encodedSize ?? 0
            return entry.opened
        }
    }

    private let segmentsMax: Int
    private let indexBytesMax: Int
    private let state = Guarded(State())

    package init(segmentsMax: Int = segmentsMax, indexBytesMax: Int = indexBytesMax) {
        self.segmentsMax = segmentsMax
        self.indexBytesMax = indexBytesMax
    }

    /// The number of segments held, and the bytes of their indexes.
    package var size: (segments: Int, indexBytes: Int) { state.withLock { ($0.entries.count, $0.indexBytes) } }

    /// What is known of a segment, if it is still the one in use; and what to give to `insert` if not.
    package func find(_ segment: Segment) -> (opened: OpenedSegment?, generation: UInt64) {
        state.withLock { state in
            guard let opened = state.entries[segment.base]?.opened, opened.segment === segment, Self.isCurrent(opened)
            else { return (nil, state.generation) }
            state.uses += 1
            state.entries[segment.base]?.lastUse = state.uses
            return (opened, state.generation)
        }
    }

    /// Takes in a segment, unless it has gone or been replaced since it was opened.
    ///
    /// - Parameter generation: what `find` gave before the file was opened.
    package func insert(_ opened: OpenedSegment, generation: UInt64) {
        let size = opened.index?.encodedSize ?? 0
        guard size <= indexBytesMax, segmentsMax > 0 else { return }
        // Unmapping takes its time: it comes after the lock.
        var gone: [OpenedSegment] = []
        state.withLock { state in
            guard !state.isClosed, state.generation == generation, Self.isCurrent(opened) else { return }
            if let old = state.remove(opened.segment.base) { gone.append(old) }
            while state.entries.count >= segmentsMax || state.indexBytes > indexBytesMax - size {
                guard let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key,
                    let old = state.remove(oldest)
                else { break }
                gone.append(old)
            }
            state.uses += 1
            state.indexBytes += size
            state.entries[opened.segment.base] = Entry(opened: opened, lastUse: state.uses)
        }
    }

    /// Forgets a segment. Its `info` says before that its file goes, or else it is damaged.
    package func drop(_ segment: Segment) {
        let gone = state.withLock { $0.remove(segment.base) }
        _ = consume gone
    }

    /// Forgets all of them: files may have been replaced.
    package func dropAll() {
        let gone = state.withLock { state -> [UInt64: Entry] in
            defer { (state.entries, state.indexBytes) = ([:], 0) }
            state.generation += 1
            return state.entries
        }
        _ = consume gone
    }

    /// Forgets all of them, and takes in no more.
    package func close() {
        state.withLock { $0.isClosed = true }
        dropAll()
    }

    private static func isCurrent(_ opened: OpenedSegment) -> Bool {
        let segment = opened.segment
        return segment.info.withLock { info in
            guard info.state == opened.state, !info.isRemoved, info.isCompressed == opened.isCompressed else {
                return false
            }
            return info.state == .sealed
                || (info.end ?? segment.writtenEnd.load(ordering: .acquiring)) == opened.end
        }
    }
}
