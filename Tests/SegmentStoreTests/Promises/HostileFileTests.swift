import SegmentStore
import Testing
import WalSimulation

/// Files with right checksums and absurd contents: no input crashes the process, reads out of bounds or gives a wrong byte.
@Suite struct HostileFileTests {
    private static let values: [UInt64] = [
        0, 1, 2, 7, 4095, 4096, 4097, 16384, UInt64(UInt32.max), 1 << 31, 1 << 62, 1 << 63, .max - 1, .max,
    ]

    /// Tries everything that reads a log; what comes of it does not matter as long as it comes back.
    private func tryEverything(_ disk: SimulatedDisk, _ sample: StoreSample, _ note: String) {
        for changes: (inout StoreOptions) -> Void in [
            { $0.readOnly = true }, { _ in },
            {
                $0.recovery = .pointInTime
                $0.deepRecovery = true
            },
        ] {
            let copy = SimulatedDisk(startingFrom: disk)
            guard let log = try? StoreSample.open(copy, changes) else { continue }
            let outcome = ReadOutcome(log.store)
            for (lsn, event) in outcome.events { #expect(event == sample.events[lsn], "\(note): LSN \(lsn)") }
            _ = ReadOutcome(log.store, from: 5)
            _ = ReadOutcome(log.store, from: .max)
            _ = try? log.store.verify(progress: nil)
            _ = try? log.store.segments()
            _ = try? log.store.refresh()
            _ = try? log.store.truncate(before: log.store.firstLSN &+ 2)
            _ = try? log.maintain()
            _ = try? log.store.closeCleanly()
        }
        var salvage = Salvage(storage: disk.backend, directory: "/log")
        try? salvage.run { view in
            #expect(sample.events[view.lsn].map { $0 == Array(view.payload) } ?? true, "\(note)")
            return true
        } hole: { _ in
            true
        }
    }

    /// Puts every value of the list into every eight (and four) bytes of a block, and mends its checksum.
    private func sweep(
        _ sample: StoreSample, _ path: String, block range: Range<Int>, fields: Range<Int>, seed: UInt32
    ) {
        let bytes = sample.bytes(path)
        for offset in stride(from: fields.lowerBound, to: fields.upperBound, by: 4) {
            for value in Self.values {
                var block = Block(Array(bytes[range]))
                if offset % 8 == 0 {
                    block.store(value, at: offset)
                } else {
                    block.store(UInt32(truncatingIfNeeded: value), at: offset)
                }
                block.seal(field: 12, seed: seed)
                let disk = SimulatedDisk(startingFrom: sample.disk)
                var changed = bytes
                changed.replaceSubrange(range, with: block.bytes)
                // Both slots of the superblock say the same.
                if path.hasSuffix(FileNames.superblock) { changed.replaceSubrange(4096..<8192, with: block.bytes) }
                disk.replaceContents(of: path, with: changed)
                tryEverything(disk, sample, "\(path) offset \(offset) value \(value)")
            }
        }
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func anAbsurdSuperblockCrashesNothing(ending: StoreSample.Ending) throws {
        let sample = try StoreSample(segments: 3, ending: ending)
        sweep(sample, StoreSample.path(FileNames.superblock), block: 0..<4096, fields: 40..<192, seed: 0)
    }

    @Test(arguments: [UInt64(1), 4, 7])
    func anAbsurdSegmentHeaderCrashesNothing(base: UInt64) throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        sweep(sample, StoreSample.path(base: base), block: 0..<4096, fields: 40..<176, seed: 0)
    }

    @Test func anAbsurdFooterCrashesNothing() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let path = StoreSample.path(base: 4)
        let end = sample.bytes(path).count
        sweep(
            sample, path, block: end - 256..<end, fields: 16..<256,
            seed: FrameHeader.seed(salt: 0, offset: UInt64(end - 256)))
    }

    @Test func absurdNamesCrashNothing() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        for name in [
            "18446744073709551615.seg", "18446744073709551614.seg", "18446744073709551616.seg",
            "99999999999999999999.seg", "00000000000000000000.seg", ".seg", "00000000000000000002.seg",
        ] {
            for content in [[], [1], sample.bytes(StoreSample.path(base: 7)), [UInt8](repeating: 0, count: 16384)] {
                let disk = sample.disk { $0.replaceContents(of: StoreSample.path(name), with: content) }
                tryEverything(disk, sample, name)
            }
        }
    }

    @Test func arbitraryBytesInEveryFileCrashNothing() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        var generator = SeededGenerator(seed: testSeed)
        let paths = sample.disk.files().filter { !$0.hasSuffix("LOCK") }
        for round in 0..<400 {
            let path = paths[Int(generator.next() % UInt64(paths.count))]
            var bytes = sample.bytes(path)
            for _ in 0...generator.next() % 40 {
                let place = Int(generator.next() % UInt64(bytes.count))
                let count = min(bytes.count - place, Int(generator.next() % 64))
                for index in place..<place + count { bytes[index] = UInt8(truncatingIfNeeded: generator.next()) }
            }
            if generator.next() % 4 == 0 { bytes.removeLast(Int(generator.next() % UInt64(bytes.count))) }
            let disk = sample.disk { $0.replaceContents(of: path, with: bytes) }
            tryEverything(disk, sample, "WAL_SEED=\(testSeed) round \(round)")
        }
    }
}
