import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// What a medium that fails, or a torn tail that is too long, leaves, and what is said of it.
@Suite struct MediumErrorTests {
    private func salvage(_ storage: any Storage) throws -> (events: [UInt64: [UInt8]], holes: [WalError]) {
        var events: [UInt64: [UInt8]] = [:]
        var holes: [WalError] = []
        var salvage = Salvage(storage: storage, directory: StoreHarness.directory)
        try salvage.run { view in
            events[view.lsn] = Array(view.payload)
            return true
        } hole: { error in
            holes.append(error)
            return true
        }
        return (events, holes)
    }

    @Test func `A salvage reads before and behind a page that the medium can't read, and names what is lost`() throws {
        // Ten events to a segment, the fourth to seventh of which touch the third page.
        let sample = try StoreSample(segments: 3, eventsEach: 10, size: 1000, ending: .closed)
        let path = StoreSample.path(base: 11)
        let storage = BadPageStorage(base: sample.disk.backend, bad: [path: 8192..<12288])
        let found = try salvage(storage)
        let missing = Set(sample.events.keys).subtracting(found.events.keys)
        #expect(found.events.allSatisfy { sample.events[$0] == $1 })
        #expect(!missing.isEmpty && missing.isSubset(of: Set(13...18)))
        #expect(found.holes.count == 1 && found.holes.first?.path == path)
        let first = try #require(missing.min())
        #expect(found.holes.first?.lsns == LSN(first)...LSN(missing.max() ?? first))
    }

    @Test func `A salvage does without a superblock, header or whole segment that the medium can't read`() throws {
        let sample = try StoreSample(segments: 3, eventsEach: 3, size: 700, ending: .closed)
        let superblock = StoreSample.path(FileNames.superblock)
        let blind = BadPageStorage(base: sample.disk.backend, bad: [superblock: 0..<8192])
        #expect(try salvage(blind).events == sample.events)
        // The footer of a sealed segment has what its header says.
        let header = BadPageStorage(base: sample.disk.backend, bad: [StoreSample.path(base: 1): 0..<4096])
        #expect(try salvage(header).events == sample.events)
        for (base, lost) in [(UInt64(1), 1...3), (4, 4...6), (7, 7...9)] as [(UInt64, ClosedRange<UInt64>)] {
            let bad = [StoreSample.path(base: base): 0..<UInt64.max]
            let found = try salvage(BadPageStorage(base: sample.disk.backend, bad: bad))
            #expect(found.events == sample.events.filter { !lost.contains($0.key) })
            #expect(found.holes.compactMap(\.lsns) == [LSN(lost.lowerBound)...LSN(lost.upperBound)])
        }
        let everything = BadPageStorage(
            base: sample.disk.backend, bad: [superblock: 0..<8192, StoreSample.path(base: 7): 0..<UInt64.max])
        let found = try salvage(everything)
        #expect(found.events == sample.events.filter { $0.key < 7 })
        // Nothing that can be read tells how much there was, but that there was something is said.
        #expect(found.holes.compactMap(\.lsns) == [7...7])
    }

    @Test func `A torn tail too long to be kept is cut, and the report names it`() throws {
        let disk = SimulatedDisk()
        func open() throws -> LogStore {
            var options = StoreOptions()
            options.segmentSize = 32 << 20
            options.preallocation = .growing
            return try StoreHarness(disk, options: options, seed: 3).store
        }
        let log = StoreHarness(try open())
        try log.append([[1]])
        try log.store.sync()
        for number in 0..<17 { try log.append([[UInt8](repeating: UInt8(number), count: 1 << 20)]) }
        try log.store.abandon()
        disk.corrupt(StoreSample.path(base: 1), at: Layout.blockSize + 80, xor: 1)
        let report = try open().report
        #expect(report.outcome == .tornTail && report.lastLSN == 1)
        #expect(report.notKept == [FileNames.segment(base: 1)] && report.quarantined.isEmpty)
        #expect(report.bytesCut > 17 << 20)
    }
}

/// A disk that can't read some pages.
private struct BadPageStorage: Storage {
    let base: any Storage
    let bad: [String: Range<UInt64>]

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        try base.pinned(to: path, mode: mode, making: making).map { BadPageStorage(base: $0, bad: bad) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { try base.create(path) }
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        let file = try base.open(path, access)
        guard let pages = bad[path] else { return file }
        return BadPageFile(file, path, pages)
    }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}

private final class BadPageFile: StorageFile {
    private let base: any StorageFile
    private let path: String
    private let pages: Range<UInt64>

    init(_ base: any StorageFile, _ path: String, _ pages: Range<UInt64>) {
        self.base = base
        self.path = path
        self.pages = pages
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        let end = min(try size(), offset + UInt64(buffer.count))
        if offset < end, pages.overlaps(offset..<end) { throw StorageError(.read, path, errno: ErrorNumber.io) }
        return try base.read(at: offset, into: buffer)
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }
    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try base.write(at: offset, bytes)
    }
    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) { try base.sync() }
    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
