import Synchronization
import WalPlatform

/// A segment opened for reading: its header checked against the catalogue, and the bytes of its frames within reach.
package final class SegmentReader {
    package let segment: Segment
    package let header: SegmentHeader
    /// The end of the frames that may be read.
    package private(set) var end: UInt64
    package let window: ByteWindow
    /// Of a sealed segment, where it is intact.
    package let footer: SegmentFooter?
    /// Where to begin for the LSN that was sought; nil: at the first frame.
    package let entry: IndexEntry?
    /// Whether the segment was sealed when it was opened.
    package let wasSealed: Bool
    /// What was found out by opening it, for it to be reached again; nil if it is not sealed and intact, or was read without
    /// its index.
    let opened: OpenedSegment?
    /// Whether what is known of it was found out by another reader.
    let isFromCache: Bool
    private let file: (any StorageFile)?

    private init(
        segment: Segment, header: SegmentHeader, end: UInt64, window: ByteWindow, footer: SegmentFooter?,
        entry: IndexEntry?, wasSealed: Bool, file: (any StorageFile)?, opened: OpenedSegment? = nil,
        isFromCache: Bool = false
    ) {
        self.segment = segment
        self.header = header
        self.end = end
        self.window = window
        self.footer = footer
        self.entry = entry
        self.wasSealed = wasSealed
        self.file = file
        self.opened = opened
        self.isFromCache = isFromCache
    }

    /// Opens a segment of which everything is known but its frames.
    convenience init(
        _ known: OpenedSegment, from lsn: UInt64, since: Int64?, storage: any Storage, access: ReadAccess,
        ahead: () -> ReadAhead
    ) throws(StorageError) {
        let end = known.end
        var entry: IndexEntry?
        if lsn > known.segment.base || since != nil {
            let found =
                if let index = known.index { index.entry(for: lsn, since: since) } else {
                    Self.entryInMemory(for: lsn, since: since, known.segment)
                }
            entry = Self.checked(found, end: end)
        }
        var file: (any StorageFile)?
        let window: ByteWindow
        switch known.content {
        case .mapping(let mapping) where access == .mapped: window = ByteWindow(mapping, limit: end)
        case .mapping, .file:
            let raw = try storage.open(known.path, .readOnly)
            window = ByteWindow(raw, limit: end, isSettled: true)
            file = raw
        case .compressed(let facts):
            let packed = CompressedSegmentFile(try storage.open(known.path, .readOnly), path: known.path, facts: facts)
            window = ByteWindow(packed, ahead(), limit: end)
            file = packed
        }
        self.init(
            segment: known.segment, header: known.header, end: end, window: window, footer: known.footer, entry: entry,
            wasSealed: known.state == .sealed, file: file, isFromCache: true)
    }

    /// Opens a segment to be read from `lsn` on. `next` is the one after it, which says where this one ends should its footer
    /// be damaged. With `files` its descriptor is shared with the others that read it.
    static func open(
        _ segment: Segment, from lsn: UInt64, since: Int64? = nil, next: Segment?, headers: HeaderReader,
        identity: LogIdentity, access: ReadAccess, sharing files: SharedFiles? = nil,
        ahead: () -> ReadAhead = { ReadAhead(spawn: nil) }
    ) throws(WalError) -> SegmentReader {
        let file = try openFile(segment, headers: headers, sharing: files)
        do throws(WalError) {
            let header = try header(of: file, segment, headers: headers, identity: identity)
            let (state, known) = segment.info.withLock { ($0.state, $0.end) }
            var footer: SegmentFooter?
            var end = known
            if state == .sealed {
                footer = try headers.footer(file)
                if let footer, footer.identity == identity, footer.sequence == segment.sequence,
                    footer.salt == header.salt
                {
                    end = footer.endOfFrames
                }
            } else if state == .active {
                end = segment.writtenEnd.load(ordering: .acquiring)
            }
            if end == nil { end = try endFromSuccessor(next, headers: headers, identity: identity) }
            let size = try attempt("read a segment's size") { () throws(StorageError) in try file.size() }
            guard let end, end >= UInt64(Layout.blockSize), end <= min(size, header.framesLimit) else {
                throw damaged(
                    segment, offset: size, "the file ends before its frames do", through: next.map { $0.base - 1 })
            }
            var index: SparseIndex?
            let entry =
                lsn > segment.base || since != nil
                ? try entry(for: lsn, since: since, segment, footer, file, header, end: end, &index) : nil
            let packed = file as? CompressedSegmentFile
            var mapping: (any StorageMapping)?
            if packed == nil, access == .mapped, let length = Int(exactly: end) {
                // Where none can be had (too many maps, no memory, a file system without), read calls do as well, and say
                // what is wrong if they don't.
                do throws(StorageError) { mapping = try file.map(length: length) } catch {}
            }
            let content: OpenedSegment.Content =
                if let packed { .compressed(packed.facts) } else if let mapping { .mapping(mapping) } else { .file }
            // Who comes to it in sequence will not be back soon.
            let opened =
                lsn > segment.base || (entry?.lsn ?? 0) > segment.base
                ? opened(segment, header, footer, index, end: end, state, content) : nil
            let window =
                if let packed { ByteWindow(packed, ahead(), limit: end) } else if let mapping {
                    ByteWindow(mapping, limit: end)
                } else { ByteWindow(file, limit: end, isSettled: true) }
            // A map outlives the descriptor.
            if mapping != nil { headers.close(file) }
            return SegmentReader(
                segment: segment, header: header, end: end, window: window, footer: footer,
                entry: entry, wasSealed: state == .sealed, file: mapping == nil ? file : nil, opened: opened)
        } catch {
            headers.close(file)
            throw error
        }
    }

    /// What is to be known of the segment from now on; nil if not all of it is intact.
    private static func opened(
        _ segment: Segment, _ header: SegmentHeader, _ footer: SegmentFooter?, _ index: SparseIndex?, end: UInt64,
        _ state: SegmentInfo.State, _ content: OpenedSegment.Content
    ) -> OpenedSegment? {
        if state == .sealed {
            guard let footer, index != nil, footer.identity == header.identity, footer.sequence == header.sequence,
                footer.salt == header.salt, footer.endOfFrames == end
            else { return nil }
        }
        let isCompressed = if case .compressed = content { true } else { false }
        return OpenedSegment(
            segment, path: segment.path(isCompressed: isCompressed), header: header, footer: footer, index: index,
            end: end, state: state, content: content)
    }

    deinit {
        // Read only: a failed close can lose nothing.
        if let file { do { try file.close() } catch {} }
    }

    /// Takes in what has been written since, where the segment was still being written when it was opened for read calls;
    /// returns whether there is more.
    package func grow() -> Bool {
        guard !wasSealed, file != nil else { return false }
        let known = segment.info.withLock { $0.end }
        let now = known ?? segment.writtenEnd.load(ordering: .acquiring)
        guard now > end else { return false }
        window.extend(to: now)
        end = now
        return true
    }

    /// Whether the segment was sealed since by another process, so that where it ends must be read anew.
    package var isOutdated: Bool {
        !wasSealed && segment.info.withLock { $0.state == .sealed && $0.end == nil }
    }

    private static func openFile(
        _ segment: Segment, headers: HeaderReader, sharing files: SharedFiles?
    ) throws(WalError) -> any StorageFile {
        do throws(StorageError) {
            guard let files else { return try headers.open(segment) }
            return try files.open(segment) { () throws(StorageError) in try headers.open(segment) }
        } catch {
            guard error.isNotFound else {
                var failure = error.wal("open a segment")
                if error.damage != nil { failure.lsns = LSN(segment.base)...LSN(segment.base) }
                throw failure
            }
            if try headers.isTruncatedAway(segment) {
                throw WalError(.truncated, "the segment was truncated away", path: segment.path)
            }
            throw WalError(
                .missingSegment, "the segment's file is gone", path: segment.path,
                lsns: LSN(segment.base)...LSN(segment.base))
        }
    }

    private static func header(
        of file: any StorageFile, _ segment: Segment, headers: HeaderReader, identity: LogIdentity
    ) throws(WalError) -> SegmentHeader {
        switch try headers.read(file, path: segment.path, identity: identity) {
        case .intact(let header):
            guard header.firstLSN == segment.base, header.sequence == segment.sequence else {
                throw damaged(
                    segment, offset: 0,
                    "the file holds segment \(header.sequence), which begins at LSN \(header.firstLSN): it was swapped or renamed",
                    through: nil)
            }
            return header
        case .absent: throw damaged(segment, offset: 0, "the header block is missing", through: nil)
        case .damaged(let reason): throw damaged(segment, offset: 0, reason, through: nil)
        }
    }

    private static func endFromSuccessor(
        _ next: Segment?, headers: HeaderReader, identity: LogIdentity
    ) throws(WalError) -> UInt64? {
        guard let next else { return nil }
        guard case .intact(let header) = try headers.read(next, identity: identity) else { return nil }
        return header.predecessor.endOfFrames
    }

    private static func damaged(_ segment: Segment, offset: UInt64, _ what: String, through: UInt64?) -> WalError {
        WalError(
            .corrupted, "\(what); \(RecoveryScan.advice)", path: segment.path, offset: offset,
            lsns: LSN(segment.base)...LSN(max(segment.base, through ?? segment.base)))
    }

    /// Of a compressed segment, whether the header in front of its dictionary is damaged.
    package var isDictionaryHeadDamaged: Bool { (file as? CompressedSegmentFile)?.isDictionaryHeadDamaged ?? false }

    /// Of a compressed segment, whether its seek table was damaged and had to be made again.
    package var isSeekTableDerived: Bool { (file as? CompressedSegmentFile)?.isTableDerived ?? false }

    /// The index on disk; nil if there is none that holds. For readers by read calls, and of compressed segments.
    package func index() throws(WalError) -> SparseIndex? {
        guard let footer, let file else { return nil }
        return try Self.index(footer, file, header)
    }

    private static func index(
        _ footer: SegmentFooter, _ file: any StorageFile, _ header: SegmentHeader
    ) throws(WalError) -> SparseIndex? {
        let longest = Layout.sealReserve(segmentSize: header.segmentSize, indexSpacing: header.indexSpacing)
        guard footer.indexLength > 0, UInt64(footer.indexLength) <= longest else { return nil }
        let block: Block?
        do throws(StorageError) {
            block = try file.readBlock(at: footer.indexOffset, size: footer.indexLength)
        } catch {
            guard error.damage != nil else { throw error.wal("read a segment's index") }
            return nil
        }
        return block.flatMap { SparseIndex($0, salt: header.salt, offset: footer.indexOffset) }
    }

    /// The furthest frame that an index names with nothing before it that is sought: all events before it are below `lsn`, or
    /// all are of times before `since`. Nil to begin at the first.
    private static func entry(
        for lsn: UInt64, since: Int64?, _ segment: Segment, _ footer: SegmentFooter?, _ file: any StorageFile,
        _ header: SegmentHeader,
        end: UInt64, _ read: inout SparseIndex?
    ) throws(WalError) -> IndexEntry? {
        if let found = entryInMemory(for: lsn, since: since, segment) { return checked(found, end: end) }
        // A damaged index costs time only: reading begins at the first frame then.
        guard let footer, let index = try index(footer, file, header) else { return nil }
        read = index
        return checked(index.entry(for: lsn, since: since), end: end)
    }

    /// Of a segment that is not sealed, out of what its writer, or the readers that looked for an event, have seen of it.
    private static func entryInMemory(for lsn: UInt64, since: Int64?, _ segment: Segment) -> IndexEntry? {
        segment.info.withLock { info in
            guard let index = info.index else { return nil }
            // The times of one that was not kept up from the first frame on leave out what lies before.
            return index.entry(for: lsn, since: index.entries.first?.lsn == segment.base ? since : nil)
        }
    }

    private static func checked(_ entry: IndexEntry?, end: UInt64) -> IndexEntry? {
        guard let entry, entry.offset < end, entry.offset % 8 == 0 else { return nil }
        return entry
    }
}
