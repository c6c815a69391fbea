import SegmentStore

/// A held lock on a file of a simulated disk, and on the directory that its storage is pinned to.
final class SimulatedLock: StorageLock {
    private let storage: SimulatedStorage
    /// The file, then the directory.
    private let ids: [Int]
    private let path: String
    private let isMade: Bool
    private let holder: Int

    init(_ storage: SimulatedStorage, _ ids: [Int], _ path: String, isMade: Bool, holder: Int) {
        self.storage = storage
        self.ids = ids
        self.path = path
        self.isMade = isMade
        self.holder = holder
    }

    deinit {
        drop()
    }

    var coversDirectory: Bool { ids.count > 1 }

    func isCurrent() throws(StorageError) -> Bool {
        do throws(StorageError) {
            return try storage.withState(path, .lock) { (state, path) throws(StorageError) in
                guard case .file(let id)? = try state.model.link(at: path, .lock).entry else { return false }
                return id == ids.first && state.locks[id] == holder
            }
        } catch {
            // Not even the directory is there.
            return false
        }
    }

    func release() throws(StorageError) {
        drop()
    }

    func withdraw() throws(StorageError) {
        defer { drop() }
        if isMade, try isCurrent() { try storage.unlink(path) }
    }

    private func drop() {
        storage.disk.withState { state in
            // The next holder may have the lock by now.
            for id in ids where state.locks[id] == holder {
                state.locks[id] = nil
                state.model.files[id]?.handles -= 1
            }
            state.model.dropUnreachable()
        }
    }
}
