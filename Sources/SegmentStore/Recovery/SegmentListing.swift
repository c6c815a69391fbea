package import WalPlatform

/// The segment files of a directory. A segment has a raw file or a compressed one, or, where compressing it was stopped between
/// giving the new file its name and removing the old one, both.
package struct SegmentListing: Sendable {
    /// A segment by its files.
    package struct Entry: Sendable, Hashable {
        package let base: UInt64
        package var hasRaw = false
        package var hasCompressed = false

        /// All names it has.
        package var names: [String] {
            (hasRaw ? [FileNames.segment(base: base)] : [])
                + (hasCompressed ? [FileNames.compressedSegment(base: base)] : [])
        }

        package var isTwin: Bool { hasRaw && hasCompressed }

        /// The name to read by; of twins the raw one, unless `SegmentListing.resolve` decided otherwise.
        package var name: String {
            hasRaw ? FileNames.segment(base: base) : FileNames.compressedSegment(base: base)
        }

        /// Whether that is the compressed one.
        package var isReadCompressed: Bool { !hasRaw }
    }

    /// By their bases.
    package private(set) var entries: [Entry] = []
    /// The names that are no segments', sorted.
    package let others: [String]

    package init(_ names: DirectoryNames) {
        var raw: [UInt64] = []
        var compressed: [UInt64] = []
        var others: [String] = []
        raw.reserveCapacity(names.count)
        names.forEach { name in
            if let segment = FileNames.segment(named: name) {
                if segment.isCompressed { compressed.append(segment.base) } else { raw.append(segment.base) }
            } else {
                others.append(String(decoding: name, as: UTF8.self))
            }
        }
        self.others = others.sorted()
        sortByDigits(&raw)
        sortByDigits(&compressed)
        entries.reserveCapacity(max(raw.count, compressed.count))
        var rest = compressed[...]
        for base in raw {
            while let next = rest.first, next < base { addCompressed(rest.removeFirst()) }
            // A directory that changes while it is read may tell of a name twice.
            if entries.last?.base != base { entries.append(Entry(base: base, hasRaw: true)) }
        }
        for base in rest { addCompressed(base) }
    }

    private mutating func addCompressed(_ base: UInt64) {
        if let last = entries.indices.last, entries[last].base == base {
            entries[last].hasCompressed = true
        } else {
            entries.append(Entry(base: base, hasCompressed: true))
        }
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// Decides between twins: the raw file if it is whole, else the compressed one if that is. Where neither is whole the raw one
    /// is read and none is given up. Returns the names that are not needed.
    ///
    /// - Parameter refusesForeign: whether a file that is another log's, or of a format from the future, is an error: it is not
    ///   to be touched.
    package mutating func resolve(
        _ headers: HeaderReader, identity: LogIdentity?, refusesForeign: Bool = true
    ) throws(WalError) -> [String] {
        var given: [String] = []
        for index in entries.indices where entries[index].isTwin {
            let base = entries[index].base
            let (raw, compressed) = (FileNames.segment(base: base), FileNames.compressedSegment(base: base))
            if refusesForeign { for name in [raw, compressed] { try headers.refuseForeign(name, identity: identity) } }
            if try headers.isWhole(raw, base: base, identity: identity) {
                entries[index].hasCompressed = false
                given.append(compressed)
            } else if try headers.isWhole(compressed, base: base, identity: identity) {
                entries[index].hasRaw = false
                given.append(raw)
            }
        }
        return given
    }

    /// Drops the compressed file of every twin from a base on: their names are returned.
    package mutating func preferRaw(from base: UInt64) -> [String] {
        var given: [String] = []
        for index in entries.indices where entries[index].isTwin && entries[index].base >= base {
            entries[index].hasCompressed = false
            given.append(FileNames.compressedSegment(base: entries[index].base))
        }
        return given
    }

    /// The segments as recovery begins with them: numbered without a gap.
    package func segments(from sequence: UInt64) -> [RecoveryPlan.Found] {
        var sequence = sequence
        return entries.map { entry in
            defer { sequence += 1 }
            return RecoveryPlan.Found(base: entry.base, sequence: sequence, isCompressed: entry.isReadCompressed)
        }
    }

    package mutating func removeFirst(_ count: Int) {
        entries.removeFirst(count)
    }
}

extension HeaderReader {
    /// Whether a file is a sealed segment with every frame intact.
    package func isWhole(_ name: String, base: UInt64, identity: LogIdentity?) throws(WalError) -> Bool {
        do throws(StorageError) {
            let file = try storage.openSegment(path(name))
            defer { close(file) }
            guard let block = try file.readBlock(at: 0, size: Layout.blockSize),
                let header = try? SegmentHeader(block), header.firstLSN == base,
                header.identity == identity ?? header.identity,
                let footer = try footerBlock(file), footer.identity == header.identity,
                footer.sequence == header.sequence, footer.salt == header.salt
            else { return false }
            let window = ByteWindow(file, limit: footer.endOfFrames)
            var chain = FrameChain(header)
            while chain.offset < footer.endOfFrames, case .whole(let frame, _) = try chain.check(window) {
                chain.accept(frame)
            }
            return chain.offset == footer.endOfFrames && chain.link == footer.lastFrameChecksum
        } catch {
            if error.damage != nil { return false }
            throw error.wal("read a segment")
        }
    }
}
