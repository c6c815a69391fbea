import SegmentStore
import Synchronization
import Testing
import WalPlatform
import WalSimulation

/// What is written while a sync runs is not covered by it: the maintenance thread syncs while the writer writes.
@Suite("Planted bugs of concurrent syncs")
struct SyncFlawTests {
    @Test(arguments: [StoreFlaws(), .marksEndAfterSync])
    func `An event written during a sync is not durable after it`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let storage = MeanwhileStorage(base: disk.backend)
        let store = try LogStore.open(
            logDirectory, options: Workload().options, environment: testEnvironment(storage, seed: 1, flaws: flaws))
        try append(store)
        storage.meanwhile.withLock { $0 = { try? append(store) } }
        let durable = try store.sync()
        #expect(store.writtenLSN == 2)
        try store.abandon()
        let again = try LogStore.open(
            logDirectory, options: Workload().options,
            environment: testEnvironment(disk.crash(.keepNone).backend, seed: 2))
        #expect(again.writtenLSN == 1)
        // Caught, with the flaw: an event was acknowledged that is gone.
        #expect(durable == (flaws.isEmpty ? 1 : 2))
    }
}

private func append(_ store: LogStore) throws {
    let block = StagingBlock(capacity: 4096)
    let lsn = store.writtenLSN + 1
    _ = EventPayload(life: 1, lsn: lsn, sizes: .fixed).bytes.withUnsafeBytes { block.append($0, lsn: lsn) }
    block.closeFrame()
    try store.write(block)
}

/// Does something else, once, when a file has been synced and the caller does not know it yet.
private final class MeanwhileStorage: Storage {
    let base: any Storage
    let meanwhile = Mutex<(@Sendable () -> Void)?>(nil)

    init(base: any Storage) { self.base = base }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        // Its directory is never moved: the files are found by their paths.
        try base.pinned(to: path, mode: mode, making: making).map { _ in self }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { MeanwhileFile(try base.create(path), self) }
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        MeanwhileFile(try base.open(path, access), self)
    }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}

private final class MeanwhileFile: StorageFile {
    private let base: any StorageFile
    private let storage: MeanwhileStorage

    init(_ base: any StorageFile, _ storage: MeanwhileStorage) {
        self.base = base
        self.storage = storage
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }
    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try base.write(at: offset, bytes)
    }
    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) {
        try base.sync()
        let body = storage.meanwhile.withLock { body in
            defer { body = nil }
            return body
        }
        body?()
    }
    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
