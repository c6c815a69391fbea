import Foundation
import SegmentStore
import Synchronization
import Testing
import WalPlatform
import WalSimulation

@Suite struct CompressionTests {
    private func options(_ compression: Compression) -> StoreOptions {
        var options = StoreHarness.smallSegments
        options.compression = compression
        return options
    }

    @Test func `Sealed segments are replaced by compressed files that read the same`() throws {
        let sample = try CompressedSample()
        let log = try StoreSample.open(sample.disk)
        #expect(try log.contents() == sample.events)
        #expect(try log.store.verify(progress: nil).findings.isEmpty)
        for base in sample.bases {
            #expect(sample.disk.contents(of: StoreSample.path(base: base)) == nil)
            #expect(try sample.table(base: base).blocks.count > 3)
        }
        for lsn in sample.events.keys.sorted() {
            var cursor = try log.store.cursor(from: lsn, through: .max)
            let view = try #require(try cursor.next())
            #expect(view.lsn == lsn && Array(view.payload) == sample.events[lsn])
        }
        let infos = try log.store.segments()
        #expect(infos.filter(\.isCompressed).map(\.firstLSN.rawValue) == sample.bases)
        for info in infos where info.isCompressed {
            #expect(info.path == CompressedSample.path(base: info.firstLSN.rawValue))
            #expect(info.fileSize < info.rawBytes / 2)
            #expect(
                info.rawBytes
                    == UInt64(sample.raw.contents(of: StoreSample.path(base: info.firstLSN.rawValue))?.count ?? 0))
            #expect(info.eventTimes != nil && info.newestFrameTime != nil)
        }
        try log.store.closeCleanly()
        #expect(sample.disk.openHandles == 0)
    }

    @Test func `The policy compresses in the background, all or all but the newest`() throws {
        for (segments, raw) in [(Compression.Segments.allSealed, 0), (.allButNewest(2), 2), (.allButNewest(9), 6)] {
            let disk = SimulatedDisk()
            let log = try StoreHarness(disk, options: options(.zstd(segments: segments, blockSize: 4096)))
            for number in UInt64(1)...6 {
                for _ in 0..<9 { try log.append([StoreSample.event(number, size: 900)]) }
                _ = try log.store.rotate()
                try log.maintain()
            }
            let infos = try log.store.segments()
            #expect(infos.filter { $0.state == .sealed && !$0.isCompressed }.count == raw)
            #expect(infos.filter { $0.state == .sealed }.suffix(raw).allSatisfy { !$0.isCompressed })
            let again = try StoreSample.open(disk.crash(.keepAll))
            #expect(try again.contents().count == 54)
        }
    }

    @Test func `What hardly shrinks stays raw and is not tried again`() throws {
        let disk = SimulatedDisk()
        var settings = options(.zstd(blockSize: 4096))
        settings.segmentSize = 128 << 10
        let log = try StoreHarness(disk, options: settings)
        var generator = SeededGenerator(seed: testSeed)
        for _ in 0..<100 {
            try log.append([(0..<1000).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 20) }])
        }
        _ = try log.store.rotate()
        try log.maintain()
        #expect(!(try log.store.performMaintenance()))
        #expect(try log.store.segments().allSatisfy { !$0.isCompressed })
        #expect(disk.files().allSatisfy { !$0.contains(".zst") })
        let report = try log.compress(CompressedSample.settings())
        #expect(report.incompressibleCount == 1 && report.compressedCount == 0)
        try log.store.closeCleanly()
    }

    @Test func `On request everything sealed is compressed, and the report says what came of it`() throws {
        let sample = try CompressedSample()
        let disk = SimulatedDisk(startingFrom: sample.raw)
        let log = try StoreSample.open(disk)
        var pass = try log.store.beginCompression(CompressedSample.settings())
        // Of segments that were sealed in an earlier life, whose files alone say how large they are.
        let sizes = sample.bases.compactMap { sample.raw.contents(of: StoreSample.path(base: $0))?.count }
        #expect(pass.progress.total == UInt64(2 * sizes.reduce(0, +)))
        var last: UInt64 = 0
        while try log.store.continueCompression(&pass) {
            #expect(pass.progress.done >= last && pass.progress.done <= pass.progress.total)
            last = pass.progress.done
        }
        #expect(pass.progress.done == pass.progress.total)
        let report = try log.store.endCompression(pass)
        #expect(report.compressedCount == 3 && report.incompressibleCount == 0)
        #expect(report.fileBytes * 2 < report.rawBytes)
        #expect(try log.compress(CompressedSample.settings()).compressedCount == 0)
    }

    @Test func `A reader goes on in the raw file that it holds, and finds the next one compressed`() throws {
        let sample = try CompressedSample()
        for access in [ReadAccess.read, .mapped] {
            let disk = SimulatedDisk(startingFrom: sample.raw)
            let log = try StoreSample.open(disk) { $0.readAccess = access }
            let other = try StoreSample.open(disk) { $0.readOnly = true }
            var here = try log.store.cursor(from: 0, through: .max)
            var there = try other.store.cursor(from: 0, through: .max)
            _ = try here.next()
            _ = try there.next()
            try log.compress(CompressedSample.settings())
            #expect(try rest(of: here) == sample.events.filter { $0.key > 1 })
            #expect(try rest(of: there) == sample.events.filter { $0.key > 1 })
            #expect(try other.contents() == sample.events)
        }
    }

    private func rest(of cursor: consuming LogCursor) throws -> [UInt64: [UInt8]] {
        var events: [UInt64: [UInt8]] = [:]
        while let view = try cursor.next() { events[view.lsn] = Array(view.payload) }
        return events
    }

    @Test func `A segment whose index a crash has spoilt is compressed all the same`() throws {
        let sample = try CompressedSample()
        let disk = SimulatedDisk(startingFrom: sample.raw)
        let path = StoreSample.path(base: sample.bases[0])
        var bytes = try #require(disk.contents(of: path))
        // Behind the frames, before the footer, which ends the file.
        let place = bytes.count - Layout.footerSize - Layout.indexEntrySize
        for index in place..<place + 16 { bytes[index] = 0 }
        disk.replaceContents(of: path, with: bytes)
        let log = try StoreSample.open(disk)
        try log.compress(CompressedSample.settings())
        #expect(try log.store.segments().prefix(sample.bases.count).allSatisfy { $0.isCompressed })
        #expect(try log.contents() == sample.events)
    }

    @Test func `A truncation in the middle of compressing drops it`() throws {
        let sample = try CompressedSample()
        for flaws in [StoreFlaws(), .publishesRemovedSegment] {
            var strayCount = 0
            for steps in 1...8 {
                let disk = SimulatedDisk(startingFrom: sample.raw)
                var environment = StoreHarness.environment(disk, seed: 5)
                environment.flaws = flaws
                let store = try LogStore.open("/log", options: StoreHarness.smallSegments, environment: environment)
                var pass = try store.beginCompression(CompressedSample.settings())
                for _ in 0..<steps { _ = try store.continueCompression(&pass) }
                try store.truncate(before: sample.bases[2])
                do {
                    while try store.continueCompression(&pass) {}
                    _ = try store.endCompression(pass)
                } catch { #expect(!flaws.isEmpty) }
                let strays = disk.files().filter {
                    $0.contains(".zst") && $0 != CompressedSample.path(base: sample.bases[2])
                }
                strayCount += strays.count
                #expect(try StoreHarness(store).contents() == sample.events.filter { $0.key >= sample.bases[2] })
                try store.abandon()
            }
            // Caught: a file of a segment that is gone.
            #expect((strayCount == 0) == flaws.isEmpty, "\(strayCount) stray files")
        }
    }

    @Test func `Closing in the middle of compressing removes the file aside`() throws {
        let sample = try CompressedSample()
        for steps in 1...8 {
            for cleanly in [true, false] {
                let disk = SimulatedDisk(startingFrom: sample.raw)
                let log = try StoreSample.open(disk)
                var pass = try log.store.beginCompression(CompressedSample.settings())
                for _ in 0..<steps { _ = try log.store.continueCompression(&pass) }
                if cleanly { try log.store.closeCleanly() } else { try log.store.abandon() }
                #expect(disk.openHandles == 0)
                #expect(disk.files().allSatisfy { !$0.hasSuffix(".tmp") })
                #expect(try StoreSample.open(disk).contents() == sample.events)
            }
        }
    }

    @Test(arguments: [StoreFlaws(), .skipsReadBack])
    func `A compressed file that does not read back leaves the raw one in place`(_ flaws: StoreFlaws) throws {
        let sample = try CompressedSample()
        let disk = SimulatedDisk(startingFrom: sample.raw)
        var environment = StoreHarness.environment(SpoilingStorage(disk.backend), seed: 5)
        environment.flaws = flaws
        let log = StoreHarness(
            try LogStore.open("/log", options: StoreHarness.smallSegments, environment: environment))
        let outcome = Result { try log.compress(CompressedSample.settings()) }
        try log.store.abandon()
        let again = try StoreSample.open(disk)
        if flaws.isEmpty {
            #expect(throws: WalError.self) { try outcome.get() }
            #expect(try again.contents() == sample.events)
            #expect(disk.files().allSatisfy { !$0.contains(".zst") })
        } else {
            // Caught: the damage is all there is.
            #expect(ReadOutcome(again.store).error?.code == .corrupted)
        }
    }

    @Test func `Impossible settings are refused by name`() {
        let bad: [Compression] = [
            .zstd(level: 23), .zstd(level: -200_000), .zstd(blockSize: 1000), .zstd(blockSize: 32 << 10),
            .zstd(blockSize: 65 << 20), .zstd(dictionarySize: 5), .zstd(dictionarySize: 2 << 20),
            .zstd(dictionarySize: -1),
            .zstd(segments: .allButNewest(-1)),
        ]
        for settings in bad {
            #expect {
                try settings.validate(indexSpacing: 64 << 10)
            } throws: { error in
                (error as? WalError)?.code == .invalidOption && "\(error)".contains("compression")
            }
        }
        #expect(throws: Never.self) { try Compression.none.validate(indexSpacing: 1 << 20) }
        #expect(throws: Never.self) { try Compression.zstd().validate(indexSpacing: 64 << 10) }
    }
}

/// Flips a bit in what is written to files made aside for compressed segments, but for their first and last bytes.
private struct SpoilingStorage: Storage {
    let base: any Storage
    init(_ base: any Storage) { self.base = base }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        try base.pinned(to: path, mode: mode, making: making).map { SpoilingStorage($0) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }
    func createDirectory(_ path: String) throws(StorageError) { try base.createDirectory(path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile {
        let file = try base.create(path)
        return path.hasSuffix(".zst.tmp") ? SpoilingFile(file) : file
    }
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        try base.open(path, access)
    }
    func rename(_ from: String, to: String) throws(StorageError) { try base.rename(from, to: to) }
    func unlink(_ path: String) throws(StorageError) { try base.unlink(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { try base.lock(path) }
    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }
}

private final class SpoilingFile: StorageFile {
    private let base: any StorageFile
    private let writes = Atomic<Int>(0)
    init(_ base: any StorageFile) { self.base = base }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        var copy = [UInt8](bytes)
        if writes.add(1, ordering: .relaxed).newValue == 2 { copy[copy.count / 2] ^= 4 }
        try copy.span.bytes.withUnsafeBytes { (buffer) throws(StorageError) in try base.write(at: offset, buffer) }
    }
    func size() throws(StorageError) -> UInt64 { try base.size() }
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }
    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) { try base.sync() }
    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
