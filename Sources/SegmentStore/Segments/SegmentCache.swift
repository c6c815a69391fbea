import Synchronization
import WalPlatform

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

    init(
        _ segment: Segment, path: String, header: SegmentHeader, footer: SegmentFooter?, index: SparseIndex?,
        end: UInt64, state: SegmentInfo.State, content: Content
    ) {
        self.segment = segment
        self.path = path
        self.header = header
        self.footer = footer
        self.index = index
        self.end = end
        self.state = state
        self.content = content
    }

    package var isCompressed: Bool {
        if case .compressed = content { return true }
        return false
    }

    /// Bytes of memory that keeping it takes: its index, and of a compressed one the seek table and the dictionary.
    package var cost: Int {
        var cost = index?.encodedSize ?? 0
        if case .compressed(let facts) = content { cost += facts.cost }
        return cost
    }

    var isMapped: Bool {
        if case .mapping = content { return true }
        return false
    }
}

/// The segments that were looked for lately, so that finding an event again takes neither header nor index from the disk.
///
/// Bounded by number and by memory; the one used longest ago goes first. Holds no descriptor. A segment whose file goes or is
/// replaced is dropped here, so that its room on the disk is free once no reader is in it; a log opened for reading, which hears
/// of that late if ever, keeps nothing.
package final class SegmentCache: Sendable {
    /// As many as a small disk has; a map costs address space alone.
    package static let segmentsMax = 64
    package static let bytesMax = 4 << 20

    private struct Entry: Sendable {
        let opened: OpenedSegment
        var lastUse: UInt64
    }

    private struct State: Sendable {
        var entries: [UInt64: Entry] = [:]
        var uses: UInt64 = 0
        var bytes = 0
        /// Rises when all are forgotten.
        var generation: UInt64 = 0
        var isClosed = false

        mutating func remove(_ base: UInt64) -> OpenedSegment? {
            guard let entry = entries.removeValue(forKey: base) else { return nil }
            bytes -= entry.opened.cost
            return entry.opened
        }
    }

    private let segmentsMax: Int
    private let bytesMax: Int
    private let state = Guarded(State())

    package init(segmentsMax: Int = segmentsMax, bytesMax: Int = bytesMax) {
        self.segmentsMax = segmentsMax
        self.bytesMax = bytesMax
    }

    /// The number of segments held, and what they take in memory.
    package var size: (segments: Int, bytes: Int) { state.withLock { ($0.entries.count, $0.bytes) } }

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
        let size = opened.cost
        guard size <= bytesMax, segmentsMax > 0 else { return }
        // Unmapping takes its time: it comes after the lock.
        var gone: [OpenedSegment] = []
        state.withLock { state in
            guard !state.isClosed, state.generation == generation, Self.isCurrent(opened) else { return }
            if let old = state.remove(opened.segment.base) { gone.append(old) }
            while state.entries.count >= segmentsMax || state.bytes > bytesMax - size {
                guard let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key,
                    let old = state.remove(oldest)
                else { break }
                gone.append(old)
            }
            state.uses += 1
            state.bytes += size
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
            defer { (state.entries, state.bytes) = ([:], 0) }
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
