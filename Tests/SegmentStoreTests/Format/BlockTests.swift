import SegmentStore
import Testing

/// What reading a block came to, for comparison.
private func failure<Value, Failure: Error & Equatable>(_ body: () throws(Failure) -> Value) -> Failure? {
    do throws(Failure) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

@Suite struct BlockTests {
    private static let masks: [UInt8] = [0x01, 0x80, 0xFF]

    @Test func everyFieldOfASegmentHeaderComesBack() throws {
        var header = FormatSamples.header
        let block = header.encode()
        #expect(block.bytes.count == 4096)
        #expect(header.checksum != 0)
        #expect(try SegmentHeader(block) == header)
    }

    @Test func everyFlippedByteOfASegmentHeaderIsNoticed() throws {
        var header = FormatSamples.header
        let block = header.encode()
        for offset in 0..<block.bytes.count {
            for mask in Self.masks {
                let found = failure { () throws(SegmentHeader.Failure) in
                    try SegmentHeader(block.flipping(offset, mask))
                }
                // A flipped version or feature bit must not pass for a future format: the checksum comes first.
                #expect(found == (offset < 8 ? .foreignMagic : .damaged), "offset \(offset)")
            }
        }
    }

    @Test func aSegmentHeaderOfAnyOtherLengthIsTooShort() {
        var header = FormatSamples.header
        let block = header.encode()
        for length in 0..<block.bytes.count where length < 256 || length % 97 == 0 || length > 4000 {
            let cut = Block(Array(block.bytes[..<length]))
            #expect(failure { () throws(SegmentHeader.Failure) in try SegmentHeader(cut) } == .tooShort)
        }
    }

    @Test func segmentHeadersFromTheFutureOrWithImpossibleValuesAreToldApart() {
        func verdict(_ change: (inout Block) -> Void) -> SegmentHeader.Failure? {
            var header = FormatSamples.header
            var block = header.encode()
            change(&block)
            block.seal(field: 12)
            return failure { () throws(SegmentHeader.Failure) in try SegmentHeader(block) }
        }
        #expect(verdict { $0.store(UInt16(2), at: 8) } == .unsupportedVersion(2))
        #expect(verdict { $0.store(UInt64(4), at: 32) } == .unsupportedFeatures(4))
        // Bits of the two other sets don't keep a file from being read.
        #expect(verdict { $0.store(UInt64.max, at: 16) } == nil)
        #expect(verdict { $0.store(UInt64.max, at: 24) } == nil)
        for size in [UInt64(0), 16383, 2 << 30 + 1, .max] {
            #expect(verdict { $0.store(size, at: 96) } == .impossible("segment size \(size)"))
        }
        for spacing in [UInt32(0), 4095, 16 << 20 + 1, .max] {
            #expect(verdict { $0.store(spacing, at: 116) } == .impossible("index spacing \(spacing)"))
        }
        for lsn in [UInt64(0), .max] {
            #expect(verdict { $0.store(lsn, at: 64) } == .impossible("first LSN \(lsn), sequence 7"))
        }
        #expect(verdict { $0.store(UInt64(0), at: 56) } == .impossible("first LSN 1001, sequence 0"))
    }

    @Test func everyFieldOfASuperblockComesBack() throws {
        let superblock = FormatSamples.superblock
        #expect(try Superblock(superblock.encode()) == superblock)
    }

    @Test func everyFlippedByteOfASuperblockSlotIsNoticed() {
        let block = FormatSamples.superblock.encode()
        for offset in 0..<block.bytes.count {
            for mask in Self.masks {
                let found = failure { () throws(Superblock.Failure) in try Superblock(block.flipping(offset, mask)) }
                #expect(found == (offset < 8 ? .foreignMagic : .damaged), "offset \(offset)")
            }
        }
        for length in stride(from: 0, to: 4096, by: 61) {
            let cut = Block(Array(block.bytes[..<length]))
            #expect(failure { () throws(Superblock.Failure) in try Superblock(cut) } == .tooShort)
        }
    }

    @Test func superblocksFromTheFutureOrWithImpossibleValuesAreToldApart() {
        func verdict(_ change: (inout Block) -> Void) -> Superblock.Failure? {
            var block = FormatSamples.superblock.encode()
            change(&block)
            block.seal(field: 12)
            return failure { () throws(Superblock.Failure) in try Superblock(block) }
        }
        #expect(verdict { $0.store(UInt16(9), at: 8) } == .unsupportedVersion(9))
        #expect(verdict { $0.store(UInt64(1) << 63, at: 32) } == .unsupportedFeatures(1 << 63))
        #expect(verdict { $0.store(UInt32(3), at: 156) } == .impossible("cut kind"))
        for offset in [80, 88, 104, 136] {
            #expect(verdict { $0.store(UInt64(0), at: offset) } == .impossible("positions"), "\(offset)")
        }
        #expect(verdict { $0.store(UInt64(2), at: 112) } == .impossible("positions"))
        #expect(verdict { $0.store(UInt64.max, at: 128) } == .impossible("positions"))
        #expect(verdict { $0.store(UInt64(999), at: 128) } == .impossible("positions"))
        #expect(verdict { $0.store(UInt64(4095), at: 144) } == .impossible("positions"))
        #expect(verdict { $0.store(UInt64(2) << 30 + 1, at: 144) } == .impossible("positions"))
    }

    @Test func everyFieldOfAFooterComesBackAndEveryFlippedByteIsNoticed() {
        let footer = FormatSamples.footer
        let block = footer.encode(offset: 20_576)
        #expect(SegmentFooter(block, offset: 20_576) == footer)
        #expect(SegmentFooter(block, offset: 20_584) == nil, "a footer holds at its own offset only")
        for offset in 0..<block.bytes.count {
            for mask in Self.masks {
                #expect(SegmentFooter(block.flipping(offset, mask), offset: 20_576) == nil, "offset \(offset)")
            }
        }
        for length in 0..<block.bytes.count {
            #expect(SegmentFooter(Block(Array(block.bytes[..<length])), offset: 20_576) == nil)
        }
    }

    @Test func footersWithImpossiblePositionsAreRefused() {
        func isRead(_ change: (inout SegmentFooter) -> Void) -> Bool {
            var footer = FormatSamples.footer
            change(&footer)
            return SegmentFooter(footer.encode(offset: 20_576), offset: 20_576) != nil
        }
        #expect(isRead { _ in })
        #expect(!isRead { $0.endOfFrames = 4095 })
        #expect(!isRead { $0.endOfFrames = $0.indexOffset + 8 })
        #expect(!isRead { $0.indexLength = 97 })
        #expect(!isRead { $0.summary.firstLSN = 0 })
        #expect(!isRead { $0.summary.lastLSN = 1000 })
        #expect(
            !isRead {
                $0.indexOffset = .max
                $0.indexLength = 96
            })
    }

    @Test func everyEntryOfAnIndexComesBackAndEveryFlippedByteIsNoticed() {
        let index = FormatSamples.index
        let (block, checksum) = index.encode(salt: 5, offset: 20_480)
        #expect(block.load(12, as: UInt32.self) == checksum)
        #expect(SparseIndex(block, salt: 5, offset: 20_480) == index)
        #expect(SparseIndex(block, salt: 6, offset: 20_480) == nil)
        #expect(SparseIndex(block, salt: 5, offset: 20_488) == nil)
        for offset in 0..<block.bytes.count {
            for mask in Self.masks {
                #expect(SparseIndex(block.flipping(offset, mask), salt: 5, offset: 20_480) == nil)
            }
        }
        for length in 0..<block.bytes.count {
            #expect(SparseIndex(Block(Array(block.bytes[..<length])), salt: 5, offset: 20_480) == nil)
        }
    }

    @Test func indexesOutOfOrderAreRefusedAndTheEntryBeforeAnLSNIsFound() {
        let index = FormatSamples.index
        #expect(index.entry(for: 1000) == nil)
        #expect(index.entry(for: 1001)?.offset == 4096)
        #expect(index.entry(for: 1049)?.offset == 4096)
        #expect(index.entry(for: .max)?.offset == 9000)
        var backwards = SparseIndex(spacing: 4096)
        for entry in index.entries.reversed() { backwards.append(entry) }
        #expect(SparseIndex(backwards.encode(salt: 1, offset: 8).block, salt: 1, offset: 8) == nil)
    }
}
