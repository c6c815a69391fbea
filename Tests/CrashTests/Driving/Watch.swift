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
        /// How many changing calls the process still gets to make; nil: any number.
        var callsLeft: Int?
        var isDead = false
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

    /// The process is killed inside the changing call after so many.
    func kill(after calls: Int) {
        state.withLock { $0.callsLeft = calls }
    }

    /// Whether the process was killed. What is left of it changes nothing any more.
    var isDead: Bool { state.withLock { $0.isDead } }

    /// A changing call begins. Throws if the process is dead; returns whether it is killed inside this call.
    fileprivate func begin(_ operation: StorageError.Operation, _ path: String) throws(StorageError) -> Bool {
        look()
        let (wasDead, dies) = state.withLock { state in
            let wasDead = state.isDead
            if state.callsLeft == 0 { state.isDead = true }
            state.callsLeft = state.callsLeft.map { max(0, $0 - 1) }
            return (wasDead, state.isDead)
        }
        if wasDead { throw StorageError(operation, path, errno: ErrorNumber.io) }
        return dies
    }

    /// The same of a call that is done whole or not at all.
    fileprivate func pass(_ operation: StorageError.Operation, _ path: String) throws(StorageError) {
        if try begin(operation, path) { throw StorageError(operation, path, errno: ErrorNumber.io) }
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

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        try base.pinned(to: path, mode: mode, making: making).map { WatchedStorage(base: $0, watch: watch) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }

    func createDirectory(_ path: String) throws(StorageError) {
        try watch.pass(.createDirectory, path)
        try base.createDirectory(path)
    }

    func create(_ path: String) throws(StorageError) -> any StorageFile {
        try watch.pass(.create, path)
        return WatchedFile(try base.create(path), path, watch)
    }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        WatchedFile(try base.open(path, access), path, watch)
    }

    func rename(_ from: String, to: String) throws(StorageError) {
        try watch.pass(.rename, to)
        try base.rename(from, to: to)
    }

    func unlink(_ path: String) throws(StorageError) {
        try watch.pass(.unlink, path)
        try base.unlink(path)
    }

    func syncDirectory(_ path: String) throws(StorageError) {
        try watch.pass(.syncDirectory, path)
        try base.syncDirectory(path)
    }

    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}

private final class WatchedFile: StorageFile {
    private let base: any StorageFile
    private let path: String
    private let watch: Watch

    init(_ base: any StorageFile, _ path: String, _ watch: Watch) {
        self.base = base
        self.path = path
        self.watch = watch
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        guard try watch.begin(.write, path) else { return try base.write(at: offset, bytes) }
        // Any part of it got through, by a rule that needs no memory.
        let part = (Int(offset) / 8 &* 31 &+ bytes.count) % (bytes.count + 1)
        try base.write(at: offset, UnsafeRawBufferPointer(rebasing: bytes[..<part]))
        throw StorageError(.write, path, errno: ErrorNumber.io)
    }

    func allocate(_ size: UInt64) throws(StorageError) {
        try watch.pass(.allocate, path)
        try base.allocate(size)
    }

    func truncate(_ size: UInt64) throws(StorageError) {
        try watch.pass(.truncate, path)
        try base.truncate(size)
    }

    func sync() throws(StorageError) {
        try watch.pass(.sync, path)
        try base.sync()
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
