import SegmentStore
import Synchronization
import WalPlatform

/// A storage in which something happens at the moment when a file is about to be opened.
final class MeddlingStorage: Storage {
    private let base: any Storage
    private let meddling = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ base: any Storage) { self.base = base }

    /// Has it happen at the next opening, once.
    func beforeOpening(_ body: @escaping @Sendable () -> Void) { meddling.withLock { $0 = body } }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        let body = meddling.withLock { meddling in
            defer { meddling = nil }
            return meddling
        }
        body?()
        return try base.open(path, access)
    }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        // Its directory is never moved: the files are found by their paths.
        try base.pinned(to: path, mode: mode, making: making).map { _ in self }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { try base.create(path) }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}
