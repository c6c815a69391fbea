import SegmentStore
import Testing
import WalSimulation

/// That no sector on stable storage is written again is shown by the crash exploration, on disks that spoil what they write
/// (`Workload.padding`); here is the rest.
@Suite struct PaddingTests {
    private func options(_ padding: Padding) -> StoreOptions {
        var options = StoreHarness.smallSegments
        options.padding = padding
        return options
    }

    /// Where the frames with events begin, and where the frames of each segment end.
    private func places(_ disk: SimulatedDisk) throws -> (starts: [UInt64], ends: [UInt64]) {
        var result: (starts: [UInt64], ends: [UInt64]) = ([], [])
        for path in disk.files().sorted() where path.hasSuffix(FileNames.segmentSuffix) {
            let file = try disk.backend.open(path, .readOnly)
            let header = try SegmentHeader(try #require(try file.readBlock(at: 0, size: Layout.blockSize)))
            var chain = FrameChain(header)
            let window = ByteWindow(file, limit: min(try file.size(), header.framesLimit))
            while case .whole(let frame, _) = try chain.check(window) {
                if frame.kind == FrameHeader.Kind.data { result.starts.append(chain.offset) }
                chain.accept(frame)
            }
            result.ends.append(chain.offset)
        }
        return result
    }

    /// A life of a log; brings `events` up to date.
    private func live(
        _ life: Int, on disk: SimulatedDisk, _ padding: Padding, _ generator: inout SeededGenerator,
        _ events: inout [UInt64: [UInt8]]
    ) throws {
        let log = try StoreHarness(disk, options: options(padding), seed: UInt64(life + 1))
        #expect(try log.contents() == events)
        for number in 0..<40 {
            let event = [UInt8](
                repeating: UInt8(number), count: Int(generator.next() % (number % 9 == 0 ? 5000 : 500)))
            try log.append([event])
            events[log.store.writtenLSN] = event
            if generator.next() % 3 == 0 { try log.store.sync() }
            if generator.next() % 4 == 0 { try log.maintain() }
        }
        let last = log.store.writtenLSN
        switch life {
        case 1:
            try log.store.truncate(after: last - 3)
            for lsn in last - 2...last { events[lsn] = nil }
            try log.append([[1, 2, 3]])
            events[last - 2] = [1, 2, 3]
        case 2:
            try log.store.truncate(before: last / 2)
            events = events.filter { $0.key >= last / 2 }
            try log.maintain()
            try log.compress(.zstd(blockSize: 4096))
        default: break
        }
        #expect(try log.contents() == events)
        for lsn in events.keys { #expect(try log.contents(from: lsn).count == events.count { $0.key >= lsn }) }
        #expect(try log.store.verify(progress: nil).findings.isEmpty)
        if life % 2 == 0 { try log.store.closeCleanly() } else { try log.store.abandon() }
    }

    @Test(arguments: [512, 1024, 2048, 4096])
    func `Every write begins with a sector, and everything is read as without padding`(_ sector: Int) throws {
        let disk = SimulatedDisk()
        var generator = SeededGenerator(seed: testSeed)
        var events: [UInt64: [UInt8]] = [:]
        for life in 0..<4 { try live(life, on: disk, .sector(sector), &generator, &events) }
        let places = try places(disk)
        #expect(places.starts.count > 10)
        #expect(places.starts.allSatisfy { $0 % UInt64(sector) == 0 })
        #expect(places.ends.allSatisfy { $0 % UInt64(sector) == 0 })
    }

    @Test func `Padding may begin and end with any life`() throws {
        let disk = SimulatedDisk()
        var generator = SeededGenerator(seed: testSeed)
        var events: [UInt64: [UInt8]] = [:]
        for (life, padding) in [Padding.none, .sector(512), .none, .sector(4096), .sector(1024), .none].enumerated() {
            try live(life, on: disk, padding, &generator, &events)
            // It knows of no low mark.
            let first = events.keys.min() ?? 0
            #expect(try salvaged(disk).filter { $0.key >= first } == events)
        }
    }

    /// What a salvage gives out; none of these logs has a hole.
    private func salvaged(_ disk: SimulatedDisk) throws -> [UInt64: [UInt8]] {
        var salvage = Salvage(storage: disk.backend, directory: StoreHarness.directory)
        var events: [UInt64: [UInt8]] = [:]
        try salvage.run(
            event: { view in
                events[view.lsn] = Array(view.payload)
                return true
            },
            hole: { error in
                Issue.record(error)
                return true
            })
        return events
    }

    /// The torn write of an earlier life stays in the sector in which that life's last frame ends, and the sealed segment
    /// ends before it: a salvage gave it out in the place of the events that came instead.
    @Test(arguments: [false, true])
    func `What a torn write has left in a sector is nobody's event`(isSealed: Bool) throws {
        let disk = SimulatedDisk()
        let first = try StoreHarness(disk, options: options(.none))
        for number in UInt8(1)...3 { try first.append([[UInt8](repeating: number, count: 100)]) }
        try first.store.abandon()
        // The second of three frames is torn, the third is whole, and nothing vouches for either.
        disk.corrupt(StoreHarness.directory + "/" + FileNames.segment(base: 1), at: 4096 + 168 + 80, xor: 1)
        let second = try StoreHarness(disk, options: options(.sector(4096)), seed: 2)
        #expect(second.store.writtenLSN == 1)
        for number in UInt8(11)...13 { try second.append([[number]]) }
        try second.store.sync()
        if isSealed { try second.maintain() }
        let expected = try second.contents()
        #expect(expected.count == 4 && expected[2] == [11] && expected[3] == [12])
        try second.store.abandon()
        #expect(try salvaged(disk) == expected)
    }

    @Test func `Damage to what fills a sector costs no event`() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk, options: options(.sector(512)))
        for number in UInt8(1)...4 { try log.append([[number]]) }
        try log.store.closeCleanly()
        // The last byte of the first filler.
        disk.corrupt(StoreHarness.directory + "/" + FileNames.segment(base: 1), at: 4096 + 511, xor: 0x40)
        let again = try StoreHarness(disk, options: options(.sector(512)), seed: 2)
        #expect(try again.contents() == [1: [1], 2: [2], 3: [3], 4: [4]])
        #expect(try again.store.verify(progress: nil).findings.isEmpty)
        try again.store.closeCleanly()
    }

    /// The sector in which the earlier life ended is on stable storage.
    @Test func `A log that ends inside a sector goes on in the next segment`() throws {
        let disk = SimulatedDisk()
        let first = try StoreHarness(disk, options: options(.none))
        try first.append([[1]])
        try first.store.closeCleanly()
        let second = try StoreHarness(disk, options: options(.sector(512)), seed: 2)
        try second.append([[2]])
        #expect(try second.store.segments().count == 2)
        try second.append([[3]])
        #expect(try second.store.segments().count == 2)
        try second.maintain()
        #expect(try second.contents() == [1: [1], 2: [2], 3: [3]])
        let path = StoreHarness.directory + "/" + FileNames.segment(base: 1)
        let footer = try #require(
            try HeaderReader(storage: disk.backend, directory: StoreHarness.directory)
                .footer(disk.backend.open(path, .readOnly)))
        #expect(footer.endOfFrames % 512 != 0 && footer.indexOffset % 512 == 0)
        try second.store.closeCleanly()
    }

    @Test(arguments: [Padding.none, .sector(512), .sector(4096)])
    func `The largest event fits a segment, and no larger one does`(_ padding: Padding) throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk, options: options(padding))
        for _ in 0..<3 {
            let largest = log.store.largestUnit - 4
            try log.append([[UInt8](repeating: 5, count: largest)])
        }
        #expect(try log.store.segments().count == 3)
        let limit = Layout.framesLimit(segmentSize: 16 << 10, indexSpacing: 4096)
        let end = UInt64(Layout.blockSize + Layout.frameSize(bodyLength: log.store.largestUnit))
        #expect(padding.end(behind: end) <= limit && padding.end(behind: end + 8) > padding.limit(limit))
        try log.store.closeCleanly()
        #expect(try StoreHarness(disk, options: options(padding), seed: 2).contents().count == 3)
    }

    @Test func `A filler fills the sector, or the next one where it would be too short`() {
        for sector in [512, 4096] {
            let padding = Padding.sector(sector)
            for offset in stride(from: UInt64(4096), through: 4096 + 3 * 4096, by: 8) {
                let end = padding.end(behind: offset)
                #expect(end % UInt64(sector) == 0)
                #expect(end == offset || end - offset >= 64 && end - offset < UInt64(sector) + 64)
                #expect((end == offset) == (offset % UInt64(sector) == 0))
            }
            #expect(padding.isLegal)
        }
        #expect(Padding.none.end(behind: 4104) == 4104 && Padding.none.isLegal)
        for size in [0, -512, 256, 513, 8192, Int.max] { #expect(!Padding.sector(size).isLegal) }
    }
}
