package import SegmentStore
package import WalPlatform

/// A simulated disk behind the seam.
package final class SimulatedStorage: Storage {
    let disk: SimulatedDisk
    /// The log's directory, if the storage is pinned to one.
    private let root: SimulatedDirectory?

    package init(_ disk: SimulatedDisk) {
        self.disk = disk
        root = nil
    }

    private init(_ root: SimulatedDirectory) {
        disk = root.disk
        self.root = root
    }

    package func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        let name = path.description
        let (id, isMade) = try disk.withState { (state) throws(StorageError) in
            do throws(StorageError) {
                return (try state.model.directoryID(at: name, .open), false)
            } catch {
                guard making, error.isNotFound else { throw error }
                try state.requireRoom(.createDirectory, name)
                try state.model.createDirectory(name)
                state.record(.createDirectory(name))
                return (try state.model.directoryID(at: name, .open), true)
            }
        }
        let root = SimulatedDirectory(disk, id, name)
        return PinnedStorage(files: SimulatedStorage(root), directory: root, isMade: isMade)
    }

    package func names(in directory: String) throws(StorageError) -> DirectoryNames {
        try withState(directory, .list) { (state, path) throws(StorageError) in
            DirectoryNames(try state.model.directory(path, .list).entries.keys)
        }
    }

    package func createDirectory(_ path: String) throws(StorageError) {
        try withState(path, .createDirectory) { (state, path) throws(StorageError) in
            try state.requireRoom(.createDirectory, path)
            try state.model.createDirectory(path)
            state.record(.createDirectory(path))
        }
    }

    package func create(_ path: String) throws(StorageError) -> any StorageFile {
        let id = try withState(path, .create) { (state, path) throws(StorageError) in
            try state.requireRoom(.create, path)
            let id = try state.model.create(path)
            state.model.files[id]?.handles += 1
            state.record(.create(path))
            return id
        }
        return SimulatedFile(disk, id, path, .readWrite)
    }

    package func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        let id = try withState(path, .open) { (state, path) throws(StorageError) in
            let id = try state.model.fileID(at: path, .open)
            state.model.files[id]?.handles += 1
            return id
        }
        return SimulatedFile(disk, id, path, access)
    }

    package func rename(_ from: String, to: String) throws(StorageError) {
        try withState(from, .rename) { (state, from) throws(StorageError) in
            let to = try currentPath(to, .rename, state)
            try state.model.rename(from, to: to)
            state.record(.rename(from: from, to: to))
        }
    }

    package func unlink(_ path: String) throws(StorageError) {
        try withState(path, .unlink) { (state, path) throws(StorageError) in
            try state.model.unlink(path)
            state.record(.unlink(path))
        }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        try withState(path, .syncDirectory) { (state, path) throws(StorageError) in
            try state.model.syncDirectory(path)
            state.record(.syncDirectory(path))
        }
    }

    package func lock(_ path: String) throws(StorageError) -> any StorageLock {
        let (ids, isMade, holder) = try withState(path, .lock) { (state, path) throws(StorageError) in
            if let root, state.locks[root.id] != nil {
                throw StorageError(.lock, path, errno: ErrorNumber.wouldBlock)
            }
            var isMade = false
            let id: Int
            if case .file(let existing) = try state.model.link(at: path, .lock).entry {
                id = existing
            } else {
                try state.requireRoom(.lock, path)
                id = try state.model.create(path, .lock)
                isMade = true
                state.record(.create(path))
            }
            guard state.locks[id] == nil else {
                throw StorageError(.lock, path, errno: ErrorNumber.wouldBlock)
            }
            state.lastHolder += 1
            let ids = [id] + (root.map { [$0.id] } ?? [])
            for id in ids { state.locks[id] = state.lastHolder }
            state.model.files[id]?.handles += 1
            return (ids, isMade, state.lastHolder)
        }
        return SimulatedLock(self, ids, path, isMade: isMade, holder: holder)
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        try withState(path, .lock) { (state, path) throws(StorageError) in
            if let root, state.locks[root.id] != nil { return true }
            guard let id = try? state.model.fileID(at: path, .lock) else { return false }
            return state.locks[id] != nil
        }
    }

    /// Works on the disk, with the path by which the disk knows now what a path of this storage means.
    func withState<R: Sendable>(
        _ path: String, _ operation: StorageError.Operation,
        _ body: (inout SimulatedDisk.State, String) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try disk.withState { (state) throws(StorageError) in
            try body(&state, try currentPath(path, operation, state))
        }
    }

    private func currentPath(
        _ path: String, _ operation: StorageError.Operation, _ state: SimulatedDisk.State
    ) throws(StorageError) -> String {
        guard let root else { return path }
        return try root.currentPath(path, operation, state)
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
