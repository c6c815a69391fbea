import SegmentStore
import Synchronization
import WalPlatform

/// A storage that keeps a list of the names which changed since their directory was last synced.
final class NameSpy: Storage {
    private let base: any Storage
    private let changed = Mutex<[String]>([])

    init(_ base: any Storage) { self.base = base }

    var unsynced: [String] { changed.withLock { $0 } }

    private func note(_ paths: String...) { changed.withLock { $0 += paths } }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        // Its directory is never moved: the files are found by their paths.
        try base.pinned(to: path, mode: mode, making: making).map { _ in self }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }

    func createDirectory(_ path: String) throws(StorageError) {
        try base.createDirectory(path)
        note(path)
    }

    func create(_ path: String) throws(StorageError) -> any StorageFile {
        let file = try base.create(path)
        note(path)
        return file
    }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        try base.open(path, access)
    }

    func rename(_ from: String, to: String) throws(StorageError) {
        try base.rename(from, to: to)
        note(from, to)
    }

    func unlink(_ path: String) throws(StorageError) {
        try base.unlink(path)
        note(path)
    }

    func syncDirectory(_ path: String) throws(StorageError) {
        try base.syncDirectory(path)
        let prefix = path == "/" ? "/" : path + "/"
        changed.withLock { names in
            names.removeAll { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
        }
    }

    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }

    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}
