import SegmentStore
import WalPlatform
import WalSimulation

/// A storage whose root is a directory of another one.
struct RootedStorage: Storage {
    let base: any Storage
    let root: String

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        let pinned = try base.pinned(to: DirectoryPath(root + path.description), mode: mode, making: making)
        return pinned.map { RootedStorage(base: $0, root: root) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: root + directory) }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(root + path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { try base.create(root + path) }
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        try base.open(root + path, access)
    }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(root + from, to: root + to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(root + path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(root + path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(root + path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(root + path) }
}
