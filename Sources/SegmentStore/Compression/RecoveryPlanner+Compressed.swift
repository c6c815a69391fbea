import WalPlatform

extension RecoveryPlanner {
    /// A build without zstd refuses a log with compressed segments before it looks at anything else.
    func checkCompression(_ listing: SegmentListing) throws(WalError) {
        guard !CompressedSegmentFile.isSupported, let entry = listing.entries.first(where: { $0.hasCompressed }) else {
            return
        }
        throw WalError(
            .unsupportedFormat,
            "the segment is compressed, and this software was built without zstd (the package trait Zstd)",
            path: headers.path(FileNames.compressedSegment(base: entry.base)))
    }

    /// Decides between the files of segments that have two. Returns the names that are not needed.
    func spareTwins(_ listing: inout SegmentListing, _ superblock: Superblock) throws(WalError) -> [String] {
        // A decided cut may have replaced the raw file: what the compressed one holds beyond it must not come back.
        let given = superblock.cutKind != .none ? listing.preferRaw(from: superblock.activeBase) : []
        // A live writer is about to remove the raw one; until then it is whole.
        if writerIsLive { return [] }
        return try given + listing.resolve(headers, identity: superblock.identity)
    }

    /// No frame can follow in a compressed segment. Where it has become the last one, because those behind it are lost or cut
    /// off, opening replaces it by a raw one.
    func replaceCompressedEnd(_ plan: inout RecoveryPlan) {
        guard let last = plan.segments.last, last.isCompressed else { return }
        plan.tail = nil
        if plan.cut != nil {
            plan.cut?.replaces = true
            return
        }
        plan.cut = .init(
            kind: .repair, lsn: plan.end.lsn, base: last.base, sequence: last.sequence,
            predecessor: last.header?.predecessor ?? .init(), replaces: true)
    }
}
