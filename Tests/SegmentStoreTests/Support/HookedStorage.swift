import SegmentStore
import Synchronization
import WalPlatform

/// A storage that has something happen before each call that reads.
final class HookedStorage: Storage {
    private let base: any Storage
    private let calls: SharedCounter
    private let hook: @Sendable (Int) -> Void

    /// - Parameter hook: gets the number of the call, from 0 on.
    convenience init(_ base: any Storage, hook: @escaping @Sendable (Int) -> Void) {
        self.init(base, SharedCounter(), hook)
    }

    private init(_ base: any Storage, _ calls: SharedCounter, _ hook: @escaping @Sendable (Int) -> Void) {
        self.base = base
        self.calls = calls
        self.hook = hook
    }

    /// The calls so far.
    var count: Int { calls.value }

    fileprivate func call() { hook(calls.increment() - 1) }

    func pinned(to path: DirectoryPath, mode: UInt32?, making: Bool) throws(StorageError) -> PinnedStorage {
        call()
        let (calls, hook) = (calls, hook)
        return try base.pinned(to: path, mode: mode, making: making).map { HookedStorage($0, calls, hook) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames {
        call()
        return try base.names(in: directory)
    }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        call()
        return HookedFile(try base.open(path, access), self)
    }

    func isLocked(_ path: String) throws(StorageError) -> Bool {
        call()
        return try base.isLocked(path)
    }

    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { try base.create(path) }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
}

private final class HookedFile: StorageFile {
    private let base: any StorageFile
    private let storage: HookedStorage

    init(_ base: any StorageFile, _ storage: HookedStorage) {
        self.base = base
        self.storage = storage
    }

    func size() throws(StorageError) -> UInt64 {
        storage.call()
        return try base.size()
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        storage.call()
        return try base.read(at: offset, into: buffer)
    }

    func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>? {
        storage.call()
        return try base.nextData(at: offset)
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping {
        storage.call()
        return try base.map(length: length)
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try base.write(at: offset, bytes)
    }
    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) { try base.sync() }
    func close() throws(StorageError) { try base.close() }
}
