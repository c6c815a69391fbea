/// An entry of the sparse index: a frame, and the newest times up to and including the frames before it.
package struct IndexEntry: Sendable, Hashable {
    package var lsn: UInt64
    package var offset: UInt64
    package var newestEventTime: Int64
    package var newestFrameTime: Int64

    package init(lsn: UInt64, offset: UInt64, newestEventTime: Int64, newestFrameTime: Int64) {
        self.lsn = lsn
        self.offset = offset
        self.newestEventTime = newestEventTime
        self.newestFrameTime = newestFrameTime
    }
}

/// The sparse index of a segment: an entry for the first frame behind every so many bytes.
package struct SparseIndex: Sendable, Hashable {
    package static let magic: UInt64 = 0x0158_4449_4C41_5753  // "SWALIDX" and 1, in the order of the bytes

    package private(set) var entries: [IndexEntry] = []
    package let spacing: Int

    package init(spacing: Int) {
        self.spacing = spacing
    }

    /// Offers a frame that starts at `offset`; an entry is made if the last one is far enough behind. `before` sums up the
    /// frames before it.
    package mutating func offer(lsn: UInt64, offset: UInt64, before: SegmentSummary) {
        if let last = entries.last, offset < last.offset + UInt64(spacing) { return }
        entries.append(
            IndexEntry(
                lsn: lsn, offset: offset, newestEventTime: before.newestEventTime,
                newestFrameTime: before.newestFrameTime))
    }

    /// Adds an entry that was made for another copy of this index.
    package mutating func append(_ entry: IndexEntry) {
        entries.append(entry)
    }

    /// Adds entries, of which it may have some.
    package mutating func merge(_ others: [IndexEntry]) {
        let known = Set(entries.map(\.offset))
        entries += others.filter { !known.contains($0.offset) }
        entries.sort { $0.offset < $1.offset }
    }

    /// The last entry whose first LSN is not above `lsn`.
    package func entry(for lsn: UInt64) -> IndexEntry? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].lsn <= lsn { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? entries[low - 1] : nil
    }

    /// The last entry whose first LSN is not above `lsn`, or before which all events are older than `since`, whichever is
    /// further on.
    package func entry(for lsn: UInt64, since: Int64?) -> IndexEntry? {
        let byLSN = entry(for: lsn)
        guard let since else { return byLSN }
        // The newest times up to an entry never go down, whatever the clock did.
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].newestEventTime < since { low = middle + 1 } else { high = middle }
        }
        guard low > 0, entries[low - 1].lsn > byLSN?.lsn ?? 0 else { return byLSN }
        return entries[low - 1]
    }

    package var encodedSize: Int { Layout.indexHeaderSize + entries.count * Layout.indexEntrySize }

    /// The index block as it is written at `offset`.
    package func encode(salt: UInt64, offset: UInt64) -> (block: Block, checksum: UInt32) {
        var block = Block(size: encodedSize)
        block.store(Self.magic, at: 0)
        block.store(UInt32(truncatingIfNeeded: entries.count), at: 8)
        block.store(UInt32(truncatingIfNeeded: spacing), at: 16)
        for (number, entry) in entries.enumerated() {
            let start = Layout.indexHeaderSize + number * Layout.indexEntrySize
            block.store(entry.lsn, at: start)
            block.store(entry.offset, at: start + 8)
            block.store(entry.newestEventTime, at: start + 16)
            block.store(entry.newestFrameTime, at: start + 24)
        }
        let checksum = block.seal(field: 12, seed: FrameHeader.seed(salt: salt, offset: offset))
        return (block, checksum)
    }

    /// Reads an index found at `offset`; nil if it is damaged, which costs time only: it can be rebuilt.
    package init?(_ block: Block, salt: UInt64, offset: UInt64) {
        guard block.bytes.count >= Layout.indexHeaderSize, block.load(0, as: UInt64.self) == Self.magic,
            block.isIntact(field: 12, seed: FrameHeader.seed(salt: salt, offset: offset))
        else { return nil }
        let count = Int(clamping: block.load(8, as: UInt32.self))
        spacing = Int(clamping: block.load(16, as: UInt32.self))
        let room = block.bytes.count - Layout.indexHeaderSize
        guard count == room / Layout.indexEntrySize, room % Layout.indexEntrySize == 0 else { return nil }
        entries.reserveCapacity(count)
        for number in 0..<count {
            let start = Layout.indexHeaderSize + number * Layout.indexEntrySize
            entries.append(
                IndexEntry(
                    lsn: block.load(start), offset: block.load(start + 8), newestEventTime: block.load(start + 16),
                    newestFrameTime: block.load(start + 24)))
        }
        for (left, right) in zip(entries, entries.dropFirst()) {
            guard left.lsn < right.lsn, left.offset < right.offset else { return nil }
        }
        if let first = entries.first, let last = entries.last {
            guard first.lsn > 0, last.lsn <= LSN.max.rawValue, first.offset >= UInt64(Layout.blockSize),
                last.offset <= Layout.segmentSizeMax
            else { return nil }
        }
    }
}
