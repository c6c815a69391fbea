import SegmentStore
import Testing
import WalSimulation

/// Promise 5: one flipped byte anywhere in durable data is a typed error with file, offset and LSN range, at open above
/// the superblock's watermark, else on first read and in verify; files stay as they are and no wrong byte comes back.
@Suite("Promise 5: one flipped byte in durable data is a typed error, and changes no file")
struct FlippedByteTests {
    private static let masks: [UInt8] = [0x01, 0x80, 0xFF]

    /// Which bytes of a segment file are what.
    private struct Anatomy {
        var endOfFrames: Int
        /// The frames: where they lie and which events they hold.
        var frames: [(range: Range<Int>, lsns: ClosedRange<UInt64>)] = []

        init(_ bytes: [UInt8]) throws {
            let header = try SegmentHeader(Block(Array(bytes[..<4096])))
            let disk = SimulatedDisk()
            disk.replaceContents(of: "/segment", with: bytes)
            let window = ByteWindow(
                try disk.backend.open("/segment", .readOnly), limit: min(UInt64(bytes.count), header.framesLimit))
            var chain = FrameChain(header)
            while case .whole(let frame, _) = try chain.check(window) {
                let start = Int(chain.offset)
                chain.accept(frame)
                frames.append((start..<Int(chain.offset), frame.firstLSN...frame.nextLSN - 1))
            }
            endOfFrames = Int(chain.offset)
        }
    }

    /// A log in which frames hold several events.
    private static func sample(_ ending: StoreSample.Ending) throws -> StoreSample {
        try StoreSample(segments: 4, eventsEach: 3, size: 60, ending: ending)
    }

    private func flipping(_ sample: StoreSample, _ path: String, _ offset: Int, _ mask: UInt8) -> SimulatedDisk {
        sample.disk { disk in
            let isDone = disk.corrupt(path, at: offset, xor: mask)
            #expect(isDone)
        }
    }

    private func checkTyped(_ error: WalError, path: String, note: String) {
        #expect(error.code == .corrupted || error.code == .foreignFile, "\(note): \(error)")
        #expect(error.path == path, "\(note): \(error)")
        if error.code == .corrupted {
            #expect(error.offset != nil, "\(note): \(error)")
            #expect(error.lsns != nil, "\(note): \(error)")
        }
    }

    /// A byte of a frame or header block in a cleanly closed log: all of it lies below the superblock's watermark.
    @Test(arguments: [ReadAccess.read, .mapped])
    func aFlippedByteBelowTheWatermarkIsAnErrorOnFirstReadAndInVerify(access: ReadAccess) throws {
        let sample = try Self.sample(.closed)
        for base in sample.bases {
            let path = StoreSample.path(base: base)
            let anatomy = try Anatomy(sample.bytes(path))
            let isActive = base == sample.bases.last
            for offset in 0..<anatomy.endOfFrames {
                // The zeros of a header block are all alike; the fields and some of the zeros will do.
                if offset >= 192, offset < 4096, offset % 389 != 0 { continue }
                for mask in access == .read ? Self.masks : [0x10] {
                    let note = "base \(base) offset \(offset) mask \(mask)"
                    let disk = flipping(sample, path, offset, mask)
                    let before = disk.fingerprint()
                    let log: StoreHarness
                    do {
                        log = try StoreSample.open(disk) { $0.readAccess = access }
                    } catch let error as WalError {
                        // Read at open are the header block of the segment in which recovery begins, and the header of the
                        // frame at whose end the superblock says that the log was closed.
                        let last = anatomy.frames.last.map { $0.range.prefix(64) }
                        let isRead = offset < 4096 || last?.contains(offset) == true
                        #expect(isActive && isRead, "\(note): \(error)")
                        checkTyped(error, path: path, note: note)
                        #expect(disk.fingerprint() == before, "\(note)")
                        continue
                    }
                    let outcome = ReadOutcome(log.store)
                    let error = try #require(outcome.error, "\(note): nothing noticed")
                    checkTyped(error, path: path, note: note)
                    let damaged = anatomy.frames.first { $0.range.contains(offset) }?.lsns ?? base...base
                    #expect(outcome.events == sample.events.filter { $0.key < damaged.lowerBound }, "\(note)")
                    #expect(error.lsns?.contains(LSN(damaged.lowerBound)) ?? true, "\(note): \(error)")
                    if offset >= 4096 {
                        let frame = anatomy.frames.first { $0.range.contains(offset) }
                        #expect(error.offset == frame.map { UInt64($0.range.lowerBound) }, "\(note): \(error)")
                    }
                    let report = try log.store.verify(progress: nil)
                    #expect(!report.isIntact, "\(note)")
                    #expect(report.findings.contains { $0.kind == .corruption && $0.error.path == path }, "\(note)")
                    // Behind the damage reading goes on, and so does appending.
                    if let next = sample.bases.first(where: { $0 > damaged.lowerBound }) {
                        let rest = ReadOutcome(log.store, from: next)
                        #expect(rest.error == nil, "\(note)")
                        #expect(rest.events == sample.events.filter { $0.key >= next }, "\(note)")
                    }
                    try log.append([[1, 2, 3]])
                    try log.store.sync()
                    try log.store.abandon()
                }
            }
        }
    }

    /// The superblock of an unclean stop vouches for the start of the last segment; the frames behind that vouch for each
    /// other through their watermarks.
    @Test func aFlippedByteAboveTheWatermarkFailsTheOpenAndLeavesEveryFileAsItWas() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        var events: [UInt64: [UInt8]] = [:]
        for lsn in UInt64(1)...6 {
            events[lsn] = StoreSample.event(lsn, size: 90)
            try log.append([events[lsn] ?? []])
            try log.store.sync()
        }
        try log.store.abandon()
        let path = StoreSample.path(base: 1)
        let bytes = try #require(disk.contents(of: path))
        let anatomy = try Anatomy(bytes)
        var silent = 0
        for offset in 0..<anatomy.endOfFrames {
            if offset >= 192, offset < 4096, offset % 389 != 0 { continue }
            for mask in Self.masks {
                let note = "offset \(offset) mask \(mask)"
                let copy = SimulatedDisk(startingFrom: disk)
                copy.corrupt(path, at: offset, xor: mask)
                let before = copy.fingerprint()
                let isLastFrame = offset >= (anatomy.frames.last?.range.lowerBound ?? 0)
                let error = StoreSample.failureOfOpen(copy)
                if isLastFrame {
                    // Nothing vouches for the last commit of a log that was not closed: it is cut as a torn tail.
                    #expect(error == nil, "\(note)")
                    silent += 1
                    continue
                }
                let found = try #require(error, "\(note): nothing noticed")
                checkTyped(found, path: path, note: note)
                #expect(copy.fingerprint() == before, "\(note)")
                if offset >= 4096 {
                    let frame = try #require(anatomy.frames.first { $0.range.contains(offset) })
                    #expect(found.offset == UInt64(frame.range.lowerBound), "\(note)")
                    #expect(found.lsns == LSN(frame.lsns.lowerBound)...5, "\(note): \(found)")
                }
                // Reading alone is refused as well, and a failed open leaves no lock and no open file.
                #expect(StoreSample.failureOfOpen(copy) { $0.readOnly = true } == found, "\(note)")
                #expect(copy.openHandles == 0, "\(note)")
            }
        }
        #expect(silent > 0)
    }

    @Test func aFlippedByteInWhatCanBeDerivedCostsNothingAndIsReported() throws {
        let sample = try Self.sample(.closed)
        var places: [(path: String, range: Range<Int>, finding: VerifyReport.Finding.Kind?)] = []
        for base in sample.bases.dropLast() {
            let path = StoreSample.path(base: base)
            places.append((path, try Anatomy(sample.bytes(path)).endOfFrames..<sample.bytes(path).count, .derivable))
        }
        let superblock = StoreSample.path(FileNames.superblock)
        places.append((superblock, 0..<200, .derivable))
        places.append((superblock, 4096..<4296, .derivable))
        places.append((superblock, 8000..<8192, .derivable))
        // Preallocated zeros behind the last frame are no data at all. Where the next frame would begin a look at it shows that
        // something follows, which could be a write that was cut short.
        let active = StoreSample.path(base: sample.bases.last ?? 0)
        let end = try Anatomy(sample.bytes(active)).endOfFrames
        places.append((active, end..<end + 64, .tornTail))
        places.append((active, end + 64..<end + 200, nil))
        for (path, range, finding) in places {
            for offset in range {
                for mask in Self.masks {
                    let note = "\(path) offset \(offset) mask \(mask)"
                    let disk = flipping(sample, path, offset, mask)
                    let before = disk.fingerprint()
                    let reading = try StoreSample.open(disk) { $0.readOnly = true }
                    let outcome = ReadOutcome(reading.store)
                    #expect(outcome.error == nil && outcome.events == sample.events, "\(note)")
                    let report = try reading.store.verify(progress: nil)
                    #expect(report.isIntact, "\(note): \(report.findings)")
                    let kinds = report.findings.map(\.kind)
                    #expect(kinds == (finding.map { [$0] } ?? []), "\(note): \(report.findings)")
                    let place = finding == .tornTail ? StoreSample.directory : path
                    #expect(report.findings.allSatisfy { $0.error.path == place }, "\(note)")
                    try reading.store.abandon()
                    #expect(disk.fingerprint() == before, "\(note)")
                    let log = try StoreSample.open(disk)
                    try log.append([[9]])
                    try log.maintain()
                    try log.store.closeCleanly()
                    #expect(try StoreSample.open(disk).contents().count == sample.events.count + 1, "\(note)")
                }
            }
        }
    }

    @Test func aFlippedByteInZerosBehindAnUncleanStopCostsNothing() throws {
        let sample = try Self.sample(.synced)
        let active = StoreSample.path(base: sample.bases.last ?? 0)
        let bytes = sample.bytes(active)
        let end = try Anatomy(bytes).endOfFrames
        for offset in stride(from: end, to: bytes.count, by: 7) {
            let disk = flipping(sample, active, offset, 0x41)
            let log = try StoreSample.open(disk)
            #expect(log.store.report.outcome == .tornTail)
            #expect(try log.contents() == sample.events)
            #expect(disk.contents(of: active)?[offset] == 0)
            #expect(disk.contents(of: active)?.count == bytes.count)
        }
    }

    @Test func reopeningNeverTurnsDamageBelowTheWatermarkIntoATornTail() throws {
        let sample = try Self.sample(.closed)
        let active = sample.bases.last ?? 0
        let path = StoreSample.path(base: active)
        let anatomy = try Anatomy(sample.bytes(path))
        for frame in anatomy.frames {
            let disk = flipping(sample, path, frame.range.lowerBound + 70, 1)
            for life in 0..<3 {
                let log = try StoreSample.open(disk, seed: UInt64(life))
                #expect(ReadOutcome(log.store).error?.code == .corrupted)
                try log.append([[7]])
                try log.store.sync()
                try log.maintain()
                if life == 1 { try log.store.abandon() } else { try log.store.closeCleanly() }
            }
        }
    }
}
