/// The file LOG with its two slots. Used under the sync lock only.
package final class SuperblockFile: Sendable {
    private let file: any StorageFile
    private let flaws: StoreFlaws

    package init(_ file: any StorageFile, flaws: StoreFlaws = []) {
        self.file = file
        self.flaws = flaws
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

    /// Writes and syncs one slot, then the other: at any moment one of them is whole.
    package func write(_ superblock: Superblock) throws(StorageError) {
        let block = superblock.encode()
        try file.write(block, at: 0)
        if flaws.isDisjoint(with: [.skipsSyncOfSuperblock, .writesBothSlotsAtOnce]) { try file.sync() }
        try file.write(block, at: UInt64(Layout.blockSize))
        if !flaws.contains(.skipsSyncOfSuperblock) { try file.sync() }
    }

    package func close() throws(StorageError) {
        try file.close()
    }

    /// What the two slots say.
    package enum Content: Sendable, Hashable {
        /// The newer of the two, or the only whole one. `damage` says what is wrong with the other.
        case found(Superblock, damage: String?)
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
            let block = try file.readBlock(at: UInt64(number * Layout.blockSize), size: Layout.blockSize)
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
                return whole[0] == whole[1] ? .found(whole[0], damage: nil) : .damaged
            }
            // A stop between the two writes: the newer one was not relied on yet, but it is whole.
            return .found(whole[0].generation > whole[1].generation ? whole[0] : whole[1], damage: nil)
        case 1:
            return .found(whole[0], damage: "one of the two superblock slots is damaged")
        default:
            let allForeign = slots.allSatisfy { slot in
                guard case .failure(let failure) = slot else { return false }
                return failure == .foreignMagic || failure == .tooShort
            }
            return allForeign ? .foreign : .damaged
        }
    }
}
