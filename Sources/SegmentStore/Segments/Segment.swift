package import Synchronization
package import WalPlatform

/// A segment as readers and the catalogue see it. The object outlives its file's name: whoever holds it may finish reading.
package final class Segment: Sendable {
    /// What is known of a segment beyond its name.
    package struct Info: Sendable {
        package var state: SegmentInfo.State
        /// The end of its frames, once it is known and will not move.
        package var end: UInt64?
        /// The frames indexed so far, of a segment that has no index on disk yet.
        package var index: SparseIndex?
        /// Whether its file is the compressed one.
        package var isCompressed = false
        /// The size of its file, once it is known and will not change but by compression.
        package var fileSize: UInt64?
        /// The size of its file when it is not compressed, once it is known and will not change.
        package var rawSize: UInt64?
        /// Why it is not tried again to compress it while the log is open.
        package var staysRaw: StaysRaw?
        /// What its frames add up to, once it is known and will not change.
        package var summary: SegmentSummary?
        /// The newest time of its frames, as read from a segment that is not sealed, where nothing in memory tells it.
        package var newestFrameTime: Int64?
        /// Set before its name is removed: readers that come later are told so.
        package var isRemoved = false
    }

    /// Why a segment is left as it is.
    package enum StaysRaw: Sendable, Hashable {
        /// Compressing it gained too little.
        case incompressible
        /// Compressing it failed.
        case failed
    }

    package let base: UInt64
    package let sequence: UInt64
    private let directory: String
    package let info: Guarded<Info>
    /// How far the active segment's frames have been written; readers go no further.
    package let writtenEnd: Atomic<UInt64>

    package init(
        base: UInt64, sequence: UInt64, directory: String, isCompressed: Bool = false, state: SegmentInfo.State,
        end: UInt64? = nil
    ) {
        self.base = base
        self.sequence = sequence
        self.directory = directory
        var info = Info(state: state, end: end)
        info.isCompressed = isCompressed
        self.info = Guarded(info)
        writtenEnd = Atomic(end ?? UInt64(Layout.blockSize))
    }

    /// The path of its file, which compression changes. Not to be asked for with the lock of `info` held.
    package var path: String { path(isCompressed: info.withLock { $0.isCompressed }) }

    /// The path of its raw or of its compressed file.
    package func path(isCompressed: Bool) -> String {
        let name = isCompressed ? FileNames.compressedSegment(base: base) : FileNames.segment(base: base)
        var path = ""
        // A list of all segments makes tens of thousands of these.
        path.reserveCapacity(directory.utf8.count + 1 + name.utf8.count)
        path += directory
        path += "/"
        path += name
        return path
    }
}

/// A segment that is still open for writing: the active one, and rolled ones until they are sealed.
///
/// The writer alone changes it while it is active; the roll hands it on under the catalogue lock, and from then on nothing
/// but its file is used, by the steps that settle and seal it, one at a time. Hence `@unchecked Sendable`.
package final class WritableSegment: @unchecked Sendable {
    package let segment: Segment
    package let header: SegmentHeader
    package private(set) var file: any StorageFile
    /// Its file is closed until it is sealed: with many waiting for that, each would hold a descriptor.
    private var isParked = false
    package var chain: Mark
    package var tally: SegmentTally
    private var publishedEntries = 0

    package init(
        segment: Segment, header: SegmentHeader, file: any StorageFile, at mark: Mark, tally: SegmentTally
    ) {
        self.segment = segment
        self.header = header
        self.file = file
        chain = mark
        publishedMark = mark
        self.tally = tally
    }

    /// The end as the last `publish` gave it. Read and written under the catalogue lock.
    package private(set) var publishedMark: Mark

    package var isEmpty: Bool { chain.lsn < header.firstLSN }
    package var path: String { segment.path }

    /// Closes the file of one that is on stable storage and waits to be sealed, before anybody else can see it waiting.
    package func park() {
        isParked = true
        // All in it was synced: a failed close can lose nothing.
        do { try file.close() } catch {}
    }

    /// Opens the file again, for sealing.
    package func unpark(_ storage: any Storage) throws(StorageError) {
        guard isParked else { return }
        file = try storage.open(path, .readWrite)
        isParked = false
    }

    /// Lets syncs cover the frames written so far. Under the catalogue lock.
    package func publishMark() {
        publishedMark = chain
    }

    /// Lets readers see the frames written so far.
    package func publish() {
        let entries = tally.index.entries
        if entries.count > publishedEntries {
            let fresh = entries[publishedEntries...]
            segment.info.withLock { info in
                var index = info.index ?? SparseIndex(spacing: header.indexSpacing)
                info.index = nil
                for entry in fresh { index.append(entry) }
                info.index = index
            }
            publishedEntries = entries.count
        }
        segment.writtenEnd.store(chain.offset, ordering: .releasing)
    }

    /// What the header of the next segment says of this one.
    package var asPredecessor: SegmentHeader.Predecessor {
        var predecessor = SegmentHeader.Predecessor()
        predecessor.sequence = header.sequence
        predecessor.firstLSN = header.firstLSN
        predecessor.lastLSN = chain.lsn
        predecessor.endOfFrames = chain.offset
        predecessor.incarnation = chain.incarnation
        predecessor.epoch = chain.epoch
        predecessor.lastFrameChecksum = chain.link
        return predecessor
    }
}

/// The set of files. Changed only under its lock, which is held for the publishing step alone.
package struct Catalog: Sendable {
    /// In the order of the log; the last is the active one.
    package var segments = SegmentList()
    /// The segment being written.
    package var active: WritableSegment?
    /// Rolled, and not yet known to be on stable storage, oldest first.
    package var unsettled: [WritableSegment] = []
    /// On stable storage, waiting for index and footer; one that could not be sealed goes to the end.
    package var unsealed: [WritableSegment] = []

    /// The cuts since the store was opened.
    package var cuts = CutHistory()
    /// Epoch and incarnation of the frames that are written now; of a log opened for reading, of its writer when looked at.
    package var life: (epoch: UInt32, incarnation: UInt64) = (0, 0)
    /// The epoch of the event before the first.
    package var epochBeforeFirst: UInt32 = 0

    package init() {}

    /// The index of the segment that holds `lsn`, or would hold it as the next one.
    package func position(of lsn: UInt64) -> Int? {
        let count = segments.prefixCount { base, _ in base <= lsn }
        return count > 0 ? count - 1 : nil
    }
}
