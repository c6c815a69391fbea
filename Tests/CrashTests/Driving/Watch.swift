import SegmentStore
import Synchronization
import WalPlatform
import WalSimulation

/// Marks in the trace what a store lets others know, before the first change of the disk that follows: a waiter on another
/// thread may have been answered by then.
final class Watch: Sendable {
    private struct State: Sendable {
        var store: LogStore?
        var acknowledged: UInt64 = 0
        var truncated: UInt64 = 0
    }

    private let disk: SimulatedDisk
    private let state = Mutex(State())

    init(_ disk: SimulatedDisk) {
        self.disk = disk
    }

    /// Looks at another store from now on, or at none.
    func follow(_ store: LogStore?) {
        state.withLock { state in
            state.store = store
            if let store { state.truncated = store.firstLSN }
        }
        look()
    }

    /// Events that were durable have been cut off.
    func forget(after lsn: UInt64) {
        state.withLock { $0.acknowledged = min($0.acknowledged, lsn) }
    }

    func look() {
        state.withLock { state in
            guard let store = state.store else { return }
            let durable = store.durableLSN
            if durable > state.acknowledged {
                state.acknowledged = durable
                disk.mark(.acknowledge(durable))
            }
            let first = store.firstLSN
            if first > state.truncated {
                state.truncated = first
                disk.mark(.truncated(before: first))
            }
        }
    }
}

/// A storage that has a watch look before each change.
struct WatchedStorage: Storage {
    let base: any Storage
    let watch: Watch

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }

    func createDirectory(_ path: String) throws(StorageError) {
        watch.look()
        try base.createDirectory(path)
    }

    func create(_ path: String) throws(StorageError) -> any StorageFile {
        watch.look()
        return WatchedFile(try base.create(path), watch)
    }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        WatchedFile(try base.open(path, access), watch)
    }

    func rename(_ from: String, to: String) throws(StorageError) {
        watch.look()
        try base.rename(from, to: to)
    }

    func unlink(_ path: String) throws(StorageError) {
        watch.look()
        try base.unlink(path)
    }

    func syncDirectory(_ path: String) throws(StorageError) {
        watch.look()
        try base.syncDirectory(path)
    }

    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}

private final class WatchedFile: StorageFile {
    private let base: any StorageFile
    private let watch: Watch

    init(_ base: any StorageFile, _ watch: Watch) {
        self.base = base
        self.watch = watch
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        watch.look()
        try base.write(at: offset, bytes)
    }

    func allocate(_ size: UInt64) throws(StorageError) {
        watch.look()
        try base.allocate(size)
    }

    func truncate(_ size: UInt64) throws(StorageError) {
        watch.look()
        try base.truncate(size)
    }

    func sync() throws(StorageError) {
        watch.look()
        try base.sync()
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
