import SegmentStore

/// A held lock on a file of a simulated disk.
final class SimulatedLock: StorageLock {
    private let disk: SimulatedDisk
    private let id: Int
    private let path: String
    private let holder: Int

    init(_ disk: SimulatedDisk, _ id: Int, _ path: String, holder: Int) {
        self.disk = disk
        self.id = id
        self.path = path
        self.holder = holder
    }

    deinit {
        drop()
    }

    func isCurrent() throws(StorageError) -> Bool {
        disk.withState { state in
            guard case .file(id)? = try? state.model.link(at: path, .lock).entry else { return false }
            return state.locks[id] == holder
        }
    }

    func release() throws(StorageError) {
        drop()
    }

    private func drop() {
        disk.withState { state in
            // The next holder may have the lock by now.
            guard state.locks[id] == holder else { return }
            state.locks[id] = nil
            state.model.files[id]?.handles -= 1
            state.model.dropUnreachable()
        }
    }
}
