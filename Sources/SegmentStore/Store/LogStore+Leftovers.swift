import WalPlatform

/// Files that hold nothing of the log any more and could not be removed: segments that were truncated away, and raw files of
/// compressed segments.
struct Leftovers: Sendable {
    private(set) var names: [String] = []

    mutating func add(_ name: String) {
        if !names.contains(name) { names.append(name) }
    }

    mutating func remove(_ name: String) {
        names.removeAll { $0 == name }
    }
}

extension LogStore {
    /// How many files wait to be removed.
    package var leftoverCount: Int { leftovers.withLock { $0.names.count } }

    /// A file could not be removed: that is tried again, now and then and at the next open.
    func noteLeftover(_ name: String) {
        leftovers.withLock { $0.add(name) }
    }

    /// Tries again to remove what could not be. For the caller of the maintenance steps.
    ///
    /// Throws why the first of those that are left can't be removed now.
    package func removeLeftovers() throws(WalError) {
        if hasUnfinishedCut { return }
        try checkUsable()
        if syncState.withLock({ $0.isClosed }) { return }
        var refusal: WalError?
        var hasRemoved = false
        for name in leftovers.withLock({ $0.names }) {
            // A cut can have given the name to a segment again.
            guard isLeftover(name) else {
                leftovers.withLock { $0.remove(name) }
                continue
            }
            do throws(StorageError) {
                try storage.unlink(path(name))
            } catch {
                guard error.isNotFound else {
                    refusal = refusal ?? error.wal("remove a file that the log needs no more")
                    continue
                }
            }
            hasRemoved = true
            leftovers.withLock { $0.remove(name) }
            if let base = FileNames.base(ofSegment: name) ?? FileNames.base(ofCompressed: name) {
                environment.notify(.deleted(base: LSN(base), path: path(name)))
            }
        }
        if hasRemoved { try syncNamesAside("sync the log's directory") }
        if let refusal { throw refusal }
    }

    /// Whether the log has no use for a file. No name changes meanwhile: only the maintenance steps and cuts, which hold them off,
    /// give one to an older segment.
    private func isLeftover(_ name: String) -> Bool {
        let isCompressed = FileNames.isCompressed(name)
        guard let base = FileNames.base(ofSegment: name) ?? FileNames.base(ofCompressed: name) else { return false }
        return catalog.withLock { catalog in
            guard let position = catalog.position(of: base) else { return !catalog.segments.isEmpty }
            let segment = catalog.segments[position]
            guard segment.base == base else { return false }
            return segment.info.withLock { $0.state == .sealed && $0.isCompressed != isCompressed }
        }
    }
}
