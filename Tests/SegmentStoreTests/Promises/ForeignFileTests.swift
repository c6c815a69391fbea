import SegmentStore
import Testing
import WalSimulation

/// Promise 5, second half: a file that isn't a log, an unknown version or feature, another log's segment are refused, and
/// nothing is touched.
@Suite("Promise 5: what is not this log is refused, untouched")
struct ForeignFileTests {
    private func expectRefused(
        _ disk: SimulatedDisk, _ code: WalError.Code, path: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let before = disk.fingerprint()
        for mode in [RecoveryMode.strict, .pointInTime] {
            let error = StoreSample.failureOfOpen(disk) { $0.recovery = mode }
            #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
            if let path { #expect(error?.path == path, sourceLocation: sourceLocation) }
            #expect(disk.fingerprint() == before, sourceLocation: sourceLocation)
        }
        let reading = StoreSample.failureOfOpen(disk) { $0.readOnly = true }
        #expect(reading != nil, sourceLocation: sourceLocation)
        #expect(disk.fingerprint() == before, sourceLocation: sourceLocation)
        #expect(disk.openHandles == 0, sourceLocation: sourceLocation)
    }

    @Test func aDirectoryThatIsNoLogIsRefusedUntouched() {
        let strangers = SimulatedDisk()
        strangers.replaceContents(of: "/log/notes.txt", with: [1, 2, 3])
        expectRefused(strangers, .notALog)
        let impostor = SimulatedDisk()
        impostor.replaceContents(of: "/log/LOG", with: Array("this is a text file".utf8))
        impostor.replaceContents(of: "/log/LOCK", with: [])
        expectRefused(impostor, .notALog, path: "/log/LOG")
        let large = SimulatedDisk()
        large.replaceContents(of: "/log/LOG", with: [UInt8](repeating: 0x20, count: 10_000))
        large.replaceContents(of: "/log/LOCK", with: [])
        expectRefused(large, .notALog, path: "/log/LOG")
    }

    @Test func aPathThatIsAFileIsRefusedUntouched() {
        let disk = SimulatedDisk()
        disk.replaceContents(of: "/log", with: [1])
        expectRefused(disk, .wrongFileType)
    }

    @Test func anUnknownVersionOfTheSuperblockIsRefusedUntouched() throws {
        let sample = try StoreSample(segments: 2, ending: .closed)
        for slots in [[0], [1], [0, 1]] {
            let disk = rewriting(sample, StoreSample.path(FileNames.superblock), slots: slots) {
                $0.store(UInt16(2), at: 8)
            }
            expectRefused(disk, .unsupportedFormat, path: "/log/LOG")
        }
    }

    @Test func anUnknownRequiredFeatureIsRefusedUntouched() throws {
        let sample = try StoreSample(segments: 2, ending: .closed)
        let disk = rewriting(sample, StoreSample.path(FileNames.superblock), slots: [0, 1]) {
            $0.store(UInt64(1), at: 32)
        }
        expectRefused(disk, .unsupportedFormat, path: "/log/LOG")
        let active = StoreSample.path(base: sample.bases.last ?? 0)
        expectRefused(
            rewriting(sample, active, slots: [0]) { $0.store(UInt64(2), at: 32) }, .unsupportedFormat, path: active)
        expectRefused(
            rewriting(sample, active, slots: [0]) { $0.store(UInt16(2), at: 8) }, .unsupportedFormat, path: active)
    }

    /// A bit of the middle set: the file may be read, but not written.
    @Test func anUnknownReadOnlyFeatureMayBeReadButNotWritten() throws {
        let sample = try StoreSample(segments: 2, ending: .closed)
        let disk = rewriting(sample, StoreSample.path(FileNames.superblock), slots: [0, 1]) {
            $0.store(UInt64(1), at: 24)
        }
        let before = disk.fingerprint()
        let error = StoreSample.failureOfOpen(disk)
        #expect(error?.code == .unsupportedFormat)
        #expect(disk.fingerprint() == before)
        #expect(try StoreSample.open(disk) { $0.readOnly = true }.contents() == sample.events)
        // A bit of the first set concerns nobody who doesn't know it.
        let ignorable = rewriting(sample, StoreSample.path(FileNames.superblock), slots: [0, 1]) {
            $0.store(UInt64(1), at: 16)
        }
        #expect(try StoreSample.open(ignorable).contents() == sample.events)
    }

    @Test func anotherLogsSegmentIsRefusedUntouched() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let other = SimulatedDisk()
        let log = try StoreHarness(other, seed: 77)
        for _ in 0..<3 {
            for _ in 0..<3 { try log.append([[1, 2, 3]]) }
            _ = try log.store.rotate()
        }
        try log.store.sync()
        try log.store.abandon()
        // In the place of the active one it is found at open.
        let active = StoreSample.path(base: 7)
        let disk = sample.disk { $0.replaceContents(of: active, with: other.contents(of: active) ?? []) }
        expectRefused(disk, .foreignFile, path: active)
        // In the place of an old one it is found on first read, and in verify.
        let middle = StoreSample.path(base: 4)
        let swapped = sample.disk { $0.replaceContents(of: middle, with: other.contents(of: middle) ?? []) }
        let opened = try StoreSample.open(swapped) { $0.readOnly = true }
        let outcome = ReadOutcome(opened.store)
        #expect(outcome.error?.code == .foreignFile)
        #expect(outcome.error?.path == middle)
        #expect(outcome.events.keys.sorted() == [1, 2, 3])
        #expect(!(try opened.store.verify(progress: nil).isIntact))
    }

    private func rewriting(
        _ sample: StoreSample, _ path: String, slots: [Int], _ change: (inout Block) -> Void
    ) -> SimulatedDisk {
        sample.disk { disk in
            var bytes = sample.bytes(path)
            for slot in slots {
                let range = slot * 4096..<slot * 4096 + 4096
                var block = Block(Array(bytes[range]))
                change(&block)
                block.seal(field: 12)
                bytes.replaceSubrange(range, with: block.bytes)
            }
            disk.replaceContents(of: path, with: bytes)
        }
    }
}
