package import SegmentStore
package import WalPlatform

/// A simulated disk behind the seam.
package final class SimulatedStorage: Storage {
    private let disk: SimulatedDisk

    package init(_ disk: SimulatedDisk) {
        self.disk = disk
    }

    package func names(in directory: String) throws(StorageError) -> DirectoryNames {
        try disk.withState { (state) throws(StorageError) in
            DirectoryNames(try state.model.directory(directory, .list).entries.keys)
        }
    }

    package func createDirectory(_ path: String) throws(StorageError) {
        try disk.withState { (state) throws(StorageError) in
            try state.requireRoom(.createDirectory, path)
            try state.model.createDirectory(path)
            state.record(.createDirectory(path))
        }
    }

    package func create(_ path: String) throws(StorageError) -> any StorageFile {
        let id = try disk.withState { (state) throws(StorageError) in
            try state.requireRoom(.create, path)
            let id = try state.model.create(path)
            state.model.files[id]?.handles += 1
            state.record(.create(path))
            return id
        }
        return SimulatedFile(disk, id, path, .readWrite)
    }

    package func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        let id = try disk.withState { (state) throws(StorageError) in
            let id = try state.model.fileID(at: path, .open)
            state.model.files[id]?.handles += 1
            return id
        }
        return SimulatedFile(disk, id, path, access)
    }

    package func rename(_ from: String, to: String) throws(StorageError) {
        try disk.withState { (state) throws(StorageError) in
            try state.model.rename(from, to: to)
            state.record(.rename(from: from, to: to))
        }
    }

    package func unlink(_ path: String) throws(StorageError) {
        try disk.withState { (state) throws(StorageError) in
            try state.model.unlink(path)
            state.record(.unlink(path))
        }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        try disk.withState { (state) throws(StorageError) in
            try state.model.syncDirectory(path)
            state.record(.syncDirectory(path))
        }
    }

    package func lock(_ path: String) throws(StorageError) -> any StorageLock {
        let (id, holder) = try disk.withState { (state) throws(StorageError) in
            let id: Int
            if case .file(let existing) = try state.model.link(at: path, .lock).entry {
                id = existing
            } else {
                try state.requireRoom(.lock, path)
                id = try state.model.create(path, .lock)
                state.record(.create(path))
            }
            guard state.locks[id] == nil else {
                throw StorageError(.lock, path, errno: ErrorNumber.wouldBlock)
            }
            state.lastHolder += 1
            state.locks[id] = state.lastHolder
            state.model.files[id]?.handles += 1
            return (id, state.lastHolder)
        }
        return SimulatedLock(disk, id, path, holder: holder)
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        disk.withState { state in
            guard let id = try? state.model.fileID(at: path, .lock) else { return false }
            return state.locks[id] != nil
        }
    }
}

extension SimulatedDisk.State {
    /// The bytes that can still be allocated, in whole sectors.
    var freeBytes: Int {
        guard let capacity else { return Int.max }
        return max(0, max(0, capacity) - model.usedBytes) / model.sectorSize * model.sectorSize
    }

    /// A new name needs a sector's worth of room, though it takes none.
    func requireRoom(_ operation: StorageError.Operation, _ path: String) throws(StorageError) {
        guard freeBytes > 0 else { throw StorageError(operation, path, errno: ErrorNumber.noSpace) }
    }
}
