import SegmentStore
import Synchronization
import Testing
import WalPlatform
import WalSimulation

/// Planted bugs that a power cut alone can't show, since what they leave out guards against other faults; each with the
/// fault that shows it.
@Suite("Planted bugs shown by other faults")
struct OtherFaultTests {
    private func open(_ storage: any Storage, seed: UInt64, flaws: StoreFlaws) throws -> LogStore {
        try LogStore.open(
            logDirectory, options: Workload().options, environment: testEnvironment(storage, seed: seed, flaws: flaws))
    }

    private func append(_ store: LogStore, _ count: Int) throws {
        for _ in 0..<count {
            let block = StagingBlock(capacity: 4096)
            let lsn = store.writtenLSN + 1
            let bytes = EventPayload(life: 1, lsn: lsn, sizes: .fixed).bytes
            _ = bytes.withUnsafeBytes { block.append($0, lsn: lsn) }
            block.closeFrame()
            try store.write(block)
        }
    }

    /// A slot's facts lie in one sector, so a write that is cut short leaves the old or the new one: only a device that may
    /// spoil the sector being written (no powersafe overwrite) shows why the slots must not be in flight together.
    @Test(arguments: [StoreFlaws(), .writesBothSlotsAtOnce])
    func `A device that spoils what it writes never spoils both superblock slots`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let log = try open(disk.backend, seed: 1, flaws: [])
        try append(log, 5)
        try log.closeCleanly()
        let settled = disk.crash(.keepAll)
        settled.flaws.leavesGarbage = true
        settled.startRecording()
        for seed in 2..<5 { try open(settled.backend, seed: UInt64(seed), flaws: flaws).closeCleanly() }
        let explorer = CrashExplorer(try #require(settled.stopRecording()))
        func run() throws -> Int {
            try explorer.explore { state in
                let store = try open(state.disk.backend, seed: 9, flaws: [])
                guard store.writtenLSN == 5 else { throw Violation("events end at \(store.writtenLSN)") }
            }.states
        }
        if flaws.isEmpty {
            #expect(try run() > 20)
        } else {
            #expect(throws: CrashFailure.self) { _ = try run() }
        }
    }

    /// After a power cut alone recovery finds its way from an older segment, by the headers of those that follow. That the
    /// newest segment is gone altogether only the superblock can tell.
    @Test(arguments: [StoreFlaws(), .skipsSuperblockOnRoll])
    func `A newest segment that vanishes is missed because the superblock heard of the roll`(
        _ flaws: StoreFlaws
    ) throws {
        let disk = SimulatedDisk()
        let log = try open(disk.backend, seed: 1, flaws: flaws)
        try append(log, 5)
        #expect(try log.rotate())
        try append(log, 5)
        #expect(try log.sync() == 10)
        try log.abandon()
        try disk.backend.unlink(logDirectory + "/" + FileNames.segment(base: 6))
        try disk.backend.syncDirectory(logDirectory)
        if flaws.isEmpty {
            #expect(throws: WalError.self) { _ = try open(disk.backend, seed: 2, flaws: []) }
        } else {
            #expect(try open(disk.backend, seed: 2, flaws: []).writtenLSN == 5)
        }
    }

    /// One slot is damaged already: only the other is between the log and its loss.
    @Test(arguments: [StoreFlaws(), .overwritesWholeSlotFirst])
    func `The superblock slot that is whole is overwritten last`(_ flaws: StoreFlaws) throws {
        var caught = 0
        for slot in 0..<2 {
            let disk = SimulatedDisk()
            let log = try open(disk.backend, seed: 1, flaws: [])
            try append(log, 5)
            try log.closeCleanly()
            let damaged = disk.crash(.keepAll)
            damaged.corrupt(logDirectory + "/" + FileNames.superblock, at: slot * Layout.blockSize + 40, xor: 4)
            damaged.flaws.leavesGarbage = true
            damaged.startRecording()
            try open(damaged.backend, seed: 2, flaws: flaws).closeCleanly()
            do {
                _ = try CrashExplorer(try #require(damaged.stopRecording())).explore { state in
                    let store = try open(state.disk.backend, seed: 9, flaws: [])
                    guard store.writtenLSN == 5 else { throw Violation("events end at \(store.writtenLSN)") }
                }
            } catch is CrashFailure {
                caught += 1
            }
        }
        #expect((caught > 0) != flaws.isEmpty)
    }

    @Test(
        "Promise 3: a second sync after a failed one would acknowledge what the medium never had",
        arguments: [StoreFlaws(), .retriesFailedSync])
    func aFailedSyncIsNotMadeAgain(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let cache = ForgetfulCache(disk.backend)
        let log = try open(cache, seed: 1, flaws: flaws)
        try append(log, 3)
        try log.sync()
        try append(log, 2)
        cache.failNextSync()
        #expect(throws: WalError.self) { try log.sync() }
        let second = try? log.sync()
        #expect(second == (flaws.isEmpty ? nil : 5))
        try log.abandon()
        let afterwards = disk.crash(.keepAll)
        for (path, bytes) in cache.medium { afterwards.replaceContents(of: path, with: bytes) }
        // Caught, with the flaw: events that were acknowledged are gone.
        #expect(try open(afterwards.backend, seed: 3, flaws: []).writtenLSN == 3)
    }

    /// After a failed sync the kernel holds pages for clean that never reached the medium; the next sync reports success
    /// and writes nothing. What recovery read from memory must be written again before it counts as durable.
    @Test(
        "Promise 3: reopening after a failed sync writes again what no watermark vouches for, before it is durable",
        arguments: [StoreFlaws(), .skipsRewrite])
    func reopeningRewritesWhatNothingVouchesFor(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let cache = ForgetfulCache(disk.backend)
        let log = try open(cache, seed: 1, flaws: flaws)
        try append(log, 3)
        try log.sync()
        try append(log, 2)
        cache.failNextSync()
        #expect(throws: WalError.self) { try log.sync() }
        try log.abandon()
        let again = try open(cache, seed: 2, flaws: flaws)
        // Nothing says that the two reached the medium, but memory has them.
        #expect(again.writtenLSN == 5 && again.durableLSN <= 3)
        try append(again, 1)
        #expect(try again.sync() == 6)
        try again.abandon()
        let afterwards = disk.crash(.keepAll)
        for (path, bytes) in cache.medium { afterwards.replaceContents(of: path, with: bytes) }
        if flaws.isEmpty {
            #expect(try open(afterwards.backend, seed: 3, flaws: []).writtenLSN == 6)
        } else {
            // Caught: an acknowledged event is gone, with those before it that the medium never had.
            #expect(try open(afterwards.backend, seed: 3, flaws: []).writtenLSN == 3)
        }
    }
}

/// A page cache over segment files that forgets, when a sync fails, that its pages are dirty.
private final class ForgetfulCache: Storage {
    fileprivate struct State: Sendable {
        var medium: [String: [UInt8]] = [:]
        var dirty: [String: [(offset: Int, bytes: [UInt8])]] = [:]
        var failsNext = false
    }

    private let base: any Storage
    fileprivate let state = Mutex(State())

    init(_ base: any Storage) {
        self.base = base
    }

    /// What the device holds of every segment file.
    var medium: [String: [UInt8]] { state.withLock { $0.medium } }
    func failNextSync() { state.withLock { $0.failsNext = true } }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        // Its directory is never moved: the files are found by their paths.
        try base.pinned(to: path, mode: mode, making: making).map { _ in self }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    /// A segment is made under its temporary name, and cached under the one it will get.
    func create(_ path: String) throws(StorageError) -> any StorageFile {
        let file = try base.create(path)
        let isSegment = path.hasSuffix(FileNames.segmentSuffix + FileNames.temporarySuffix)
        return isSegment ? CachedFile(file, String(path.dropLast(FileNames.temporarySuffix.count)), self) : file
    }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        let file = try base.open(path, access)
        return path.hasSuffix(FileNames.segmentSuffix) ? CachedFile(file, path, self) : file
    }

    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }

    fileprivate func wrote(_ path: String, _ offset: Int, _ bytes: [UInt8]) {
        state.withLock { $0.dirty[path, default: []].append((offset, bytes)) }
    }

    fileprivate func sync(_ path: String, size: Int) throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            let dirty = state.dirty.removeValue(forKey: path) ?? []
            if state.failsNext {
                state.failsNext = false
                throw StorageError(.sync, path, errno: ErrorNumber.io)
            }
            var bytes = state.medium[path] ?? []
            bytes.append(contentsOf: [UInt8](repeating: 0, count: max(0, size - bytes.count)))
            for (offset, written) in dirty { bytes.replaceSubrange(offset..<offset + written.count, with: written) }
            state.medium[path] = bytes
        }
    }
}

private final class CachedFile: StorageFile {
    private let base: any StorageFile
    private let path: String
    private let cache: ForgetfulCache

    init(_ base: any StorageFile, _ path: String, _ cache: ForgetfulCache) {
        self.base = base
        self.path = path
        self.cache = cache
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }
    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try base.write(at: offset, bytes)
        cache.wrote(path, Int(offset), [UInt8](bytes))
    }
    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) {
        try cache.sync(path, size: Int(try size()))
        try base.sync()
    }
    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
