import SegmentStore
import Testing
import WalSimulation

/// A frame whose checksums hold but whose records don't decode: a newer writer's, or a bug.
@Suite struct MalformedRecordTests {
    /// One event, and behind it a frame that says three events and holds two.
    private func disk(_ log: StoreHarness, _ disk: SimulatedDisk) throws {
        try log.append([[1, 2, 3, 4]])
        try log.store.sync()
        let path = try #require(try log.store.segments().first?.path)
        var bytes = try #require(disk.contents(of: path))
        let header = try SegmentHeader(bytes[..<4096].withUnsafeBytes { Block($0) })
        let first = try #require(
            bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.flatMap {
                    FrameHeader(at: $0 + 4096, seed: FrameHeader.seed(salt: header.salt, offset: 4096))
                }
            })
        var frame = first
        frame.firstLSN = 2
        frame.eventCount = 3
        frame.bodyLength = 8
        frame.link = first.checksum
        let offset = 4096 + first.size
        let encoded = FramesFile.encode(
            frame, body: [UInt8](repeating: 0, count: 8), salt: header.salt, offset: offset)
        bytes.replaceSubrange(offset..<offset + encoded.count, with: encoded)
        disk.replaceContents(of: path, with: bytes)
    }

    @Test(.timeLimit(.minutes(10)))
    func besideALiveWriterTheLogEndsBeforeItAndReadingDoesNotSpin() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        try self.disk(log, disk)
        var options = StoreHarness.smallSegments
        options.readOnly = true
        let reader = try LogStore.open("/log", options: options, environment: StoreHarness.environment(disk))
        #expect(reader.report.outcome == .inProgress)
        #expect(try StoreHarness.contents(of: reader).keys.sorted() == [1])
        #expect(try reader.refresh() == false)
        try reader.abandon()
        try log.store.abandon()
    }

    @Test func salvageTellsOfTheEventsItCannotGiveOut() throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        try self.disk(log, disk)
        try log.store.abandon()
        var lsns: [UInt64] = []
        var holes: [ClosedRange<LSN>] = []
        var salvage = Salvage(storage: disk.backend, directory: "/log")
        try salvage.run(
            event: {
                lsns.append($0.lsn)
                return true
            },
            hole: {
                holes += [$0.lsns].compactMap { $0 }
                return true
            })
        // None of the frame's events.
        #expect(lsns == [1])
        #expect(holes == [2...4])
    }
}
