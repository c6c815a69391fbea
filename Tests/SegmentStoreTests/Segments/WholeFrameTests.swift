import SegmentStore
import Testing
import WalSimulation

/// A frame is parsed whole before one of its events is given out (docs/format.md, F-43): a batch is there wholly or not at all.
@Suite struct WholeFrameTests {
    /// A log of an event and, as its last frame, a batch of three. The head of one of the batch's records, `record`, is
    /// replaced, and the frame's checksums are made to hold.
    private func disk(record: Int, head: UInt32) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        try log.append([[1, 1, 1, 1]])
        try log.append([[2, 2, 2, 2], [3, 3, 3, 3], [4, 4, 4, 4]])
        try log.store.sync()
        try log.store.closeCleanly()
        let path = StoreSample.path(base: 1)
        var bytes = try #require(disk.contents(of: path))
        let salt = try SegmentHeader(Block(Array(bytes[..<4096]))).salt
        let first = 4096
        let second = first + 64 + 8
        let seed = FrameHeader.seed(salt: salt, offset: UInt64(second))
        let checksum = try bytes.withUnsafeMutableBytes { buffer in
            let frame = try #require(buffer.baseAddress) + second
            var header = try #require(FrameHeader(at: frame, seed: seed))
            #expect(header.eventCount == 3)
            frame.storeBytes(of: head.littleEndian, toByteOffset: 64 + record * 8, as: UInt32.self)
            header.bodyChecksum = FrameHeader.bodyChecksum(at: frame + 64, length: header.bodyLength, seed: seed)
            return header.encode(at: frame, seed: seed)
        }
        disk.replaceContents(of: path, with: bytes)
        // The superblock names the frame at whose end the log was closed.
        let superblockPath = StoreSample.path(FileNames.superblock)
        var superblock = try Superblock(Block(Array(try #require(disk.contents(of: superblockPath))[..<4096])))
        superblock.watermark.link = checksum
        disk.replaceContents(of: superblockPath, with: superblock.encode().bytes + superblock.encode().bytes)
        return disk
    }

    @Test(arguments: [
        (record: 2, head: UInt32(5) << 8),  // beyond the end
        (record: 2, head: UInt32(3) << 8),  // ends before the body does
        (record: 1, head: UInt32(0xFFFFFF) << 8), (record: 0, head: UInt32(4) << 8 | 8),
    ])
    func ofAFrameWithAnInvalidRecordNoEventIsGivenOut(record: Int, head: UInt32) throws {
        for access in [ReadAccess.mapped, .read] {
            let log = try StoreSample.open(try disk(record: record, head: head))
            for from in [UInt64(0), 2, 3, 4] as [UInt64] {
                let outcome = ReadOutcome(log.store, from: from, access: access)
                #expect(outcome.events == (from == 0 ? [1: [1, 1, 1, 1]] : [:]), "from \(from)")
                #expect(outcome.error?.code == .corrupted)
                #expect(outcome.error?.lsns == 2...4)
                #expect(outcome.error?.offset == 4096 + 72)
            }
            try log.store.abandon()
        }
    }

    @Test func aSalvageGivesOutNoneOfItEither() throws {
        let damaged = try disk(record: 2, head: UInt32(5) << 8)
        var events: [UInt64] = []
        var holes: [ClosedRange<LSN>?] = []
        var salvage = Salvage(storage: damaged.backend, directory: "/log")
        try salvage.run { view in
            events.append(view.lsn)
            return true
        } hole: { error in
            holes.append(error.lsns)
            return true
        }
        #expect(events == [1])
        #expect(holes == [2...4])
    }
}
