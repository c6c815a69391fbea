import SegmentStore
import Synchronization
import Testing
import WalPlatform
import WalSimulation

@Suite struct SegmentCacheTests {
    /// The event at an LSN, looked for anew.
    private func find(_ lsn: UInt64, _ store: LogStore, access: ReadAccess? = nil) throws -> [UInt8]? {
        var cursor = try store.cursor(from: lsn, through: .max, access: access)
        guard let view = try cursor.next() else { return nil }
        #expect(view.lsn == lsn)
        return Array(view.payload)
    }

    /// What the store remembers of the segment that begins at an LSN.
    private func remembered(_ base: UInt64, _ store: LogStore) throws -> OpenedSegment? {
        var cursor = try store.cursor(from: base, through: .max)
        guard try cursor.next() != nil, let segment = cursor.segment else { return nil }
        return store.opened.find(segment).opened
    }

    @Test func `An event of a sealed segment is found again without opening its file`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let spy = OpenSpy(sample.disk.storage.implementation)
        let log = try StoreHarness(storage: spy)
        for lsn in sample.events.keys.sorted() { #expect(try find(lsn, log.store) == sample.events[lsn]) }
        let first = spy.count
        for lsn in sample.events.keys.sorted().reversed() where lsn < 10 {
            #expect(try find(lsn, log.store) == sample.events[lsn])
        }
        #expect(spy.count == first)
        #expect(log.store.opened.size.segments == 4)
        // Through read calls each reader opens the file, and reads nothing of it but frames.
        #expect(try find(5, log.store, access: .read) == sample.events[5])
        #expect(spy.count == first + 1)
        try log.store.closeCleanly()
        #expect(log.store.opened.size.segments == 0)
        #expect(sample.disk.openHandles == 0)
    }

    @Test func `Reading in sequence leaves nothing behind`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        #expect(try log.contents() == sample.events)
        #expect(log.store.opened.size == (0, 0))
    }

    @Test func `The bounds hold by number and by bytes, and the one used longest ago goes`() throws {
        let sample = try StoreSample(segments: 6, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        for base in sample.bases.prefix(5) { _ = try find(base + 1, log.store) }
        let known = try sample.bases.prefix(5).map { try #require(try remembered($0, log.store)) }
        let size = try #require(known[0].index?.encodedSize)
        for cache in [SegmentCache(segmentsMax: 2), SegmentCache(bytesMax: 2 * size)] {
            cache.insert(known[0], generation: 0)
            cache.insert(known[1], generation: 0)
            #expect(cache.find(known[0].segment).opened === known[0])
            cache.insert(known[2], generation: 0)
            #expect(cache.find(known[1].segment).opened == nil)
            #expect(cache.find(known[0].segment).opened === known[0])
            #expect(cache.find(known[2].segment).opened === known[2])
            #expect(cache.size == (2, 2 * size))
            cache.drop(known[0].segment)
            #expect(cache.size == (1, size))
        }
        let tiny = SegmentCache(bytesMax: size - 1)
        tiny.insert(known[0], generation: 0)
        #expect(tiny.size == (0, 0))
    }

    @Test func `What was opened before all were forgotten is not taken in, nor anything after the end`() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        _ = try find(2, log.store)
        let known = try #require(try remembered(1, log.store))
        let cache = SegmentCache()
        let generation = cache.find(known.segment).generation
        cache.dropAll()
        cache.insert(known, generation: generation)
        #expect(cache.size.segments == 0)
        cache.insert(known, generation: cache.find(known.segment).generation)
        #expect(cache.size.segments == 1)
        cache.close()
        cache.insert(known, generation: cache.find(known.segment).generation)
        #expect(cache.size.segments == 0)
        // One whose file goes is not taken in by a reader that was still opening it.
        known.segment.info.withLock { $0.isRemoved = true }
        let other = SegmentCache()
        other.insert(known, generation: 0)
        #expect(other.size.segments == 0)
    }

    @Test func `A truncated segment is forgotten, and what is left of it is found no more`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        for base in sample.bases { _ = try find(base + 1, log.store) }
        #expect(log.store.opened.size.segments == 4)
        try log.store.truncate(before: 7)
        #expect(log.store.opened.size.segments == 2)
        #expect(throws: WalError.self) { try find(2, log.store) }
        #expect(try find(8, log.store) == sample.events[8])
    }

    @Test func `A segment that is compressed is opened anew`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        for base in sample.bases { _ = try find(base + 1, log.store) }
        try log.compress(.zstd(blockSize: 4096))
        #expect(log.store.opened.size.segments == 1)
        for _ in 0..<2 {
            for lsn in sample.events.keys.sorted() { #expect(try find(lsn, log.store) == sample.events[lsn]) }
        }
        #expect(try #require(try remembered(1, log.store)).isCompressed)
        try log.store.closeCleanly()
        #expect(sample.disk.openHandles == 0)
    }

    @Test func `A cut forgets all, and the events that come in their place are found`() throws {
        let sample = try StoreSample(segments: 4, ending: .closed)
        let log = try StoreSample.open(sample.disk)
        for base in sample.bases { _ = try find(base + 1, log.store) }
        try log.store.truncate(after: 4)
        #expect(log.store.opened.size.segments == 0)
        try log.append([[1, 2, 3], [4, 5, 6]])
        #expect(try find(4, log.store) == sample.events[4])
        #expect(try find(5, log.store) == [1, 2, 3])
        #expect(try find(6, log.store) == [4, 5, 6])
        #expect(try find(2, log.store) == sample.events[2])
    }

    @Test func `A damaged index or frame is not remembered`() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let path = StoreSample.path(base: 1)
        let size = sample.bytes(path).count
        let index = try sample.disk {
            try $0.backend.open(path, .readWrite).write(at: UInt64(size - Layout.footerSize - 8), [0xFF])
        }
        let withoutIndex = try StoreSample.open(index)
        #expect(try find(2, withoutIndex.store) == sample.events[2])
        #expect(withoutIndex.store.opened.size.segments == 0)
        let frame = try sample.disk {
            try $0.backend.open(path, .readWrite).write(at: UInt64(Layout.blockSize + 100), [0xFF, 0xFE])
        }
        let damaged = try StoreSample.open(frame)
        for _ in 0..<3 { #expect(throws: WalError.self) { try find(1, damaged.store) } }
        #expect(try find(4, damaged.store) == sample.events[4])
        #expect(damaged.store.opened.size.segments == 0)
    }

    @Test func `Beside a writer a file that was replaced is noticed`() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let writer = try StoreSample.open(sample.disk)
        let reading = try StoreSample.open(sample.disk) { $0.readOnly = true }
        for _ in 0..<2 {
            for lsn in sample.events.keys.sorted() { #expect(try find(lsn, reading.store) == sample.events[lsn]) }
        }
        // It would keep the disk space of what the writer removes.
        #expect(reading.store.opened.size.segments == 0)
        try writer.store.truncate(after: 2)
        try writer.append([[9], [8], [7], [6], [5], [4], [3]])
        try writer.store.sync()
        // What was there is gone: never a byte of the new file under the old numbers.
        for lsn in UInt64(1)...2 {
            let found = try? find(lsn, reading.store)
            #expect(found == nil || found == sample.events[lsn])
        }
        #expect(try reading.store.refresh())
        #expect(try find(3, reading.store) == [9])
        #expect(try find(9, reading.store) == [3])
        try reading.store.abandon()
        try writer.store.closeCleanly()
    }

    @Test func `Every event of a segment without an index is found, each time from further on`() throws {
        for readOnly in [false, true] {
            let disk = SimulatedDisk()
            var options = StoreHarness.smallSegments
            options.segmentSize = 1 << 20
            let log = try StoreHarness(disk, options: options)
            for number in UInt64(1)...400 { try log.append([StoreSample.event(number, size: 900), [1]]) }
            try log.store.closeCleanly()
            let reading = try StoreSample.open(disk) {
                $0.readOnly = readOnly
                $0.segmentSize = 1 << 20
            }
            var generator = SeededGenerator(seed: testSeed)
            for _ in 0..<2000 {
                let lsn = generator.next() % 800 + 1
                let expected = lsn % 2 == 1 ? StoreSample.event((lsn + 1) / 2, size: 900) : [1]
                #expect(try find(lsn, reading.store) == expected, "WAL_SEED=\(testSeed) lsn \(lsn)")
            }
            try reading.store.abandon()
        }
    }
}

/// Counts the files opened.
private final class OpenSpy: Storage {
    private let base: any Storage
    private let opens = Atomic<Int>(0)

    init(_ base: any Storage) { self.base = base }

    var count: Int { opens.load(ordering: .relaxed) }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        opens.add(1, ordering: .relaxed)
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
