import SegmentStore
import Testing
import WalSimulation

/// Promise 7: a missing, doubled or vanished segment file is found at open, a swapped one at open or on first read; no
/// file is deleted because a list lacks it; a power cut after several rolls without a sync is not called corruption.
@Suite("Promise 7: a missing, doubled, vanished or swapped segment file is found")
struct SegmentFilesTests {
    /// An open is refused with one of these codes, and nothing has changed.
    private func expectRefused(
        _ disk: SimulatedDisk, _ codes: [WalError.Code], _ note: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> WalError? {
        let before = disk.fingerprint()
        let error = StoreSample.failureOfOpen(disk)
        #expect(
            error.map { codes.contains($0.code) } == true, "\(note): \(String(describing: error))",
            sourceLocation: sourceLocation)
        let reading = StoreSample.failureOfOpen(disk) { $0.readOnly = true }
        #expect(reading == error, "\(note)", sourceLocation: sourceLocation)
        #expect(disk.fingerprint() == before, "\(note)", sourceLocation: sourceLocation)
        #expect(disk.openHandles == 0, "\(note)", sourceLocation: sourceLocation)
        return error
    }

    @Test(arguments: [StoreSample.Ending.closed, .synced])
    func aMissingSegmentFileIsFoundAtOpenWithTheEventsItHeld(ending: StoreSample.Ending) throws {
        let sample = try StoreSample(segments: 5, ending: ending)
        for (index, base) in sample.bases.enumerated() {
            let disk = try sample.without(StoreSample.path(base: base))
            let error = expectRefused(disk, [.missingSegment], "segment \(index)")
            let last = index + 1 < sample.bases.count ? sample.bases[index + 1] - 1 : sample.durableLSN
            #expect(error?.lsns?.lowerBound == LSN(base), "segment \(index): \(String(describing: error))")
            // Of the last segment the superblock knows only how far it was durable when it was last written.
            let isLast = base == sample.bases.last && ending == .synced
            #expect(isLast || error?.lsns?.upperBound == LSN(last), "segment \(index): \(String(describing: error))")
        }
    }

    @Test func severalMissingSegmentFilesAreFoundAtOpen() throws {
        let sample = try StoreSample(segments: 6, ending: .synced)
        for missing in 1..<63 {
            let disk = try sample.disk { disk in
                for (index, base) in sample.bases.enumerated() where missing & 1 << index != 0 {
                    try disk.backend.unlink(StoreSample.path(base: base))
                }
            }
            _ = expectRefused(disk, [.missingSegment], "missing \(String(missing, radix: 2))")
        }
        let all = try sample.disk { disk in
            for base in sample.bases { try disk.backend.unlink(StoreSample.path(base: base)) }
        }
        _ = expectRefused(all, [.missingSegment], "all")
    }

    @Test func aSegmentFileThatIsThereTwiceIsFoundAtOpen() throws {
        let sample = try StoreSample(segments: 4, eventsEach: 5, ending: .synced)
        for base in sample.bases {
            for shift: UInt64 in [1, 3] {
                let copy = StoreSample.path(base: base + shift)
                let disk = sample.disk {
                    $0.replaceContents(of: copy, with: sample.bytes(StoreSample.path(base: base)))
                }
                let note = "copy of \(base) as \(base + shift)"
                if base == sample.bases.last {
                    // Behind the end it is no part of the log, and nothing vouches for it: it is cut off as a torn tail,
                    // and kept in quarantine.
                    let log = try StoreSample.open(disk)
                    #expect(try log.contents() == sample.events, "\(note)")
                    continue
                }
                _ = expectRefused(disk, [.corrupted, .missingSegment], note)
            }
        }
    }

    @Test func swappedSegmentFilesAreFoundAtOpenOrOnFirstRead() throws {
        let sample = try StoreSample(segments: 5, ending: .synced)
        for left in 0..<5 {
            for right in left + 1..<5 {
                let paths = [StoreSample.path(base: sample.bases[left]), StoreSample.path(base: sample.bases[right])]
                let disk = sample.disk {
                    $0.replaceContents(of: paths[0], with: sample.bytes(paths[1]))
                    $0.replaceContents(of: paths[1], with: sample.bytes(paths[0]))
                }
                expectFound(disk, sample, first: sample.bases[left], paths: paths, "\(left) and \(right)")
            }
        }
    }

    @Test func aSegmentRestoredFromAnOlderLifeIsFoundAtOpenOrOnFirstRead() throws {
        // The same log forked: the copy went on with other events in segments of the same names and sequence numbers.
        let sample = try StoreSample(segments: 3, ending: .synced)
        let fork = SimulatedDisk(startingFrom: sample.disk)
        for (disk, mark) in [(sample.disk, UInt8(1)), (fork, 2)] {
            let log = try StoreSample.open(disk, seed: UInt64(mark))
            for _ in 0..<3 {
                _ = try log.store.rotate()
                for _ in 0..<3 { try log.append([[UInt8](repeating: mark, count: 50)]) }
                try log.maintain()
            }
            try log.store.closeCleanly()
        }
        let expected = try StoreSample.open(SimulatedDisk(startingFrom: sample.disk)).contents()
        for base: UInt64 in [10, 13, 16] {
            let path = StoreSample.path(base: base)
            let disk = sample.disk { $0.replaceContents(of: path, with: fork.contents(of: path) ?? []) }
            guard StoreSample.failureOfOpen(disk) == nil else { continue }
            let outcome = try ReadOutcome(StoreSample.open(disk).store)
            #expect(outcome.error?.code == .corrupted, "\(base)")
            for (lsn, event) in outcome.events where lsn < base { #expect(event == expected[lsn]) }
        }
    }

    @Test func aTruncatedSegmentFileIsFoundAtOpenOrOnFirstRead() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        for base in sample.bases {
            let path = StoreSample.path(base: base)
            let bytes = sample.bytes(path)
            let end = try endOfFrames(bytes)
            for length in Array(stride(from: 0, to: end, by: 173)) + [end - 1] {
                let disk = sample.disk { $0.replaceContents(of: path, with: Array(bytes[..<length])) }
                expectFound(disk, sample, first: base, paths: [path], "\(base) cut to \(length)")
            }
        }
    }

    @Test func aLostSuperblockIsRefusedAndRebuiltOnRequest() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let path = StoreSample.path(FileNames.superblock)
        let damaged: [(SimulatedDisk, String)] = [
            (try sample.without(path), "missing"),
            (sample.disk { for slot in [100, 4196] { $0.corrupt(path, at: slot, xor: 4) } }, "both slots damaged"),
            (sample.disk { $0.replaceContents(of: path, with: []) }, "empty"),
            (sample.disk { $0.replaceContents(of: path, with: [UInt8](repeating: 7, count: 8192)) }, "garbage"),
        ]
        for (disk, note) in damaged {
            let error = expectRefused(disk, [.corrupted], note)
            #expect(error?.path == path, "\(note)")
            let log = try StoreSample.open(disk) { $0.recovery = .pointInTime }
            #expect(log.store.report.outcome == .pointInTime, "\(note)")
            #expect(log.store.report.damage?.path == path, "\(note)")
            #expect(try log.contents() == sample.events, "\(note)")
            try log.append([[1]])
            try log.store.closeCleanly()
            #expect(try StoreSample.open(disk).contents().count == sample.events.count + 1, "\(note)")
        }
    }

    @Test func oneDamagedSuperblockSlotCostsNothingAndIsMended() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let path = StoreSample.path(FileNames.superblock)
        for slot in 0..<2 {
            let disk = sample.disk { $0.corrupt(path, at: slot * 4096 + 80, xor: 1) }
            let log = try StoreSample.open(disk)
            #expect(try log.contents() == sample.events)
            try log.store.abandon()
            let bytes = try #require(disk.contents(of: path))
            #expect(bytes[..<4096] == bytes[4096...])
        }
    }

    @Test func noFileIsDeletedBecauseAListLacksIt() throws {
        let sample = try StoreSample(segments: 3, ending: .synced)
        let strangers = ["/log/notes.txt", "/log/123.seg", "/log/quarantine/old", "/log/00000000000000000001.seg.bak"]
        let disk = sample.disk { for path in strangers { $0.replaceContents(of: path, with: [1, 2]) } }
        let log = try StoreSample.open(disk)
        try log.maintain()
        #expect(try log.contents() == sample.events)
        try log.store.closeCleanly()
        for path in strangers { #expect(disk.contents(of: path) == [1, 2], "\(path)") }
        // A whole segment behind the end that nothing vouches for goes to quarantine, not away.
        let orphan = StoreSample.path(base: 500)
        let other = sample.disk { $0.replaceContents(of: orphan, with: sample.bytes(StoreSample.path(base: 1))) }
        let opened = try StoreSample.open(other)
        #expect(try opened.contents() == sample.events)
        let kept = other.files().filter { $0.hasPrefix("/log/quarantine/") }
        #expect(other.files().contains(orphan) || kept.count == 1)
    }

    @Test func aPowerCutAfterSeveralRollsWithoutASyncIsNotCalledCorruption() throws {
        for seed in 0..<60 {
            let disk = SimulatedDisk()
            let log = try StoreHarness(disk)
            var events: [UInt64: [UInt8]] = [:]
            for lsn in UInt64(1)...40 {
                events[lsn] = StoreSample.event(lsn, size: 900 + Int(lsn) % 7 * 200)
                try log.append([events[lsn] ?? []])
                if lsn == 6 { try log.store.sync() }
            }
            let durable = log.store.durableLSN
            #expect(try log.store.segments().count >= 4)
            for choice in [CrashChoice.keepNone, .keepAll, .random] {
                let after = disk.crash(choice, seed: testSeed &+ UInt64(seed))
                let note = "WAL_SEED=\(testSeed) seed \(seed) \(choice)"
                let reading = try StoreSample.open(after) { $0.readOnly = true }
                let seen = ReadOutcome(reading.store)
                let again = try StoreSample.open(after)
                let outcome = ReadOutcome(again.store)
                #expect(outcome.error == nil && again.store.report.damage == nil, "\(note)")
                #expect(seen.events == outcome.events, "\(note)")
                #expect(UInt64(outcome.events.count) >= durable, "\(note)")
                for (lsn, event) in outcome.events { #expect(event == events[lsn], "\(note)") }
                if choice == .keepAll { #expect(outcome.events == events, "\(note)") }
            }
        }
    }

    // MARK: Helpers

    /// Damage in the segment that begins with `first` is found at open, or a reader gets all before it, then an error.
    private func expectFound(
        _ disk: SimulatedDisk, _ sample: StoreSample, first: UInt64, paths: [String], _ note: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let before = disk.fingerprint()
        do {
            let log = try StoreSample.open(disk)
            let outcome = ReadOutcome(log.store)
            #expect(
                outcome.error.map { paths.contains($0.path ?? "") } == true, "\(note)", sourceLocation: sourceLocation)
            for (lsn, event) in outcome.events {
                #expect(event == sample.events[lsn], "\(note)", sourceLocation: sourceLocation)
            }
            let whole = (1..<first).allSatisfy { outcome.events[$0] != nil }
            #expect(whole, "\(note): too little was read", sourceLocation: sourceLocation)
            let report = try log.store.verify(progress: nil)
            #expect(!report.isIntact, "\(note)", sourceLocation: sourceLocation)
            try log.store.abandon()
        } catch {
            let error = error as? WalError
            #expect(error?.code == .corrupted, "\(note): \(String(describing: error))", sourceLocation: sourceLocation)
            #expect(paths.contains(error?.path ?? ""), "\(note)", sourceLocation: sourceLocation)
            #expect(disk.fingerprint() == before, "\(note)", sourceLocation: sourceLocation)
        }
        #expect(disk.openHandles == 0, "\(note)", sourceLocation: sourceLocation)
    }

    private func endOfFrames(_ bytes: [UInt8]) throws -> Int {
        let header = try SegmentHeader(Block(Array(bytes[..<4096])))
        let disk = SimulatedDisk()
        disk.replaceContents(of: "/segment", with: bytes)
        let window = ByteWindow(
            try disk.backend.open("/segment", .readOnly), limit: min(UInt64(bytes.count), header.framesLimit))
        var chain = FrameChain(header)
        while case .whole(let frame, _) = try chain.check(window) { chain.accept(frame) }
        return Int(chain.offset)
    }
}
