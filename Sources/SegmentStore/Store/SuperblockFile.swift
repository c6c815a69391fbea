import WalPlatform

/// The file LOG with its two slots. Used under the sync lock only.
package final class SuperblockFile: Sendable {
    private let file: any StorageFile
    private let flaws: StoreFlaws
    /// The slot that is overwritten last: the one that is whole and newest.
    private let last: Guarded<Int>

    /// - Parameter best: the slot to be overwritten last, where the other is older or damaged.
    package init(_ file: any StorageFile, best: Int? = nil, flaws: StoreFlaws = []) {
        self.file = file
        self.flaws = flaws
        last = Guarded(flaws.contains(.overwritesWholeSlotFirst) ? 1 - (best ?? 0) : best ?? 1)
    }

    /// Makes the file of a new log, whole or not at all: written aside, synced, renamed. The directory is synced by the caller.
    package static func create(
        _ superblock: Superblock, storage: any Storage, directory: String, flaws: StoreFlaws = []
    ) throws(StorageError) -> SuperblockFile {
        let temporary = directory + "/" + FileNames.superblockTemporary
        let file = try storage.create(temporary)
        let block = superblock.encode()
        try file.write(block, at: 0)
        try file.write(block, at: UInt64(Layout.blockSize))
        try file.sync()
        try storage.rename(temporary, to: directory + "/" + FileNames.superblock)
        return SuperblockFile(file, flaws: flaws)
    }

    /// Writes and syncs one slot, then the other: at any moment one of them is whole, also after a call that failed.
    package func write(_ superblock: Superblock) throws(StorageError) {
        let block = superblock.encode()
        let second = last.withLock { $0 }
        for slot in [1 - second, second] {
            try file.write(block, at: UInt64(slot * Layout.blockSize))
            let skips: StoreFlaws =
                slot == second ? .skipsSyncOfSuperblock : [.skipsSyncOfSuperblock, .writesBothSlotsAtOnce]
            if flaws.isDisjoint(with: skips) { try file.sync() }
            // Should the next write fail, this one is whole and newest, and the other one is not.
            last.withLock { $0 = slot }
        }
    }

    /// Syncs what was found. A process that was killed may have left it in the page cache only: on a disk that may spoil what it
    /// is writing, no other slot may be in flight with it.
    ///
    /// - Parameter slot: where it was found, if the other slot is older and whole. Then it is written again, too, since an earlier
    ///   sync of it may have failed. The only slot that is whole is never the one in danger.
    package func confirm(_ superblock: Superblock, rewriting slot: Int?) throws(StorageError) {
        if let slot { try file.write(superblock.encode(), at: UInt64(slot * Layout.blockSize)) }
        try file.sync()
    }

    package func close() throws(StorageError) {
        try file.close()
    }

    /// What the two slots say.
    package enum Content: Sendable, Hashable {
        /// The newer of the two, or the only whole one. `damage` says what is wrong with the other.
        /// `slot` is where it was found, if the other slot is older or damaged.
        case found(Superblock, damage: String?, slot: Int?)
        /// Neither slot is whole.
        case damaged
        case unsupportedVersion(UInt16)
        case unsupportedFeatures(UInt64)
        /// Not a file of this kind.
        case foreign
    }

    package static func read(_ file: any StorageFile) throws(StorageError) -> Content {
        var slots: [Result<Superblock, Superblock.Failure>] = []
        for number in 0..<2 {
            let offset = UInt64(number * Layout.blockSize)
            let block = try file.readBlock(at: offset, size: Layout.blockSize)
            // A file that ends before its own size tells nothing of what is in it.
            if block == nil, try file.size() >= offset + UInt64(Layout.blockSize) {
                throw StorageError(.read, FileNames.superblock, errno: ErrorNumber.io)
            }
            slots.append(
                Result { () throws(Superblock.Failure) in
                    guard let block else { throw .tooShort }
                    return try Superblock(block)
                })
        }
        return judge(slots)
    }

    private static func judge(_ slots: [Result<Superblock, Superblock.Failure>]) -> Content {
        // A version or feature from the future decides, whatever the other slot says: nothing may be touched.
        for case .failure(.unsupportedVersion(let version)) in slots { return .unsupportedVersion(version) }
        for case .failure(.unsupportedFeatures(let bits)) in slots { return .unsupportedFeatures(bits) }
        let whole = slots.compactMap { try? $0.get() }
        switch whole.count {
        case 2:
            guard whole[0].identity == whole[1].identity else { return .damaged }
            if whole[0].generation == whole[1].generation {
                return whole[0] == whole[1] ? .found(whole[0], damage: nil, slot: nil) : .damaged
            }
            // A stop between the two writes: the newer one was not relied on yet, but it is whole.
            let newer = whole[0].generation > whole[1].generation ? 0 : 1
            return .found(whole[newer], damage: nil, slot: newer)
        case 1:
            let slot = slots.firstIndex { (try? $0.get()) != nil }
            return .found(whole[0], damage: "one of the two superblock slots is damaged", slot: slot)
        default:
            let allForeign = slots.allSatisfy { slot in
                guard case .failure(let failure) = slot else { return false }
                return failure == .foreignMagic || failure == .tooShort
            }
            return allForeign ? .foreign : .damaged
        }
    }
}
