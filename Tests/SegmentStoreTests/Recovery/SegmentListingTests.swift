import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// The set of files is the same in whatever order a file system lists their names.
@Suite("Listing of segment files")
struct SegmentListingTests {
    private var names: [String] {
        let raw = (1...300).map { FileNames.segment(base: $0 * $0 * $0 * 977) }
        let compressed = stride(from: 7, to: 320, by: 3).map { FileNames.compressedSegment(base: $0 * $0 * $0 * 977) }
        return raw + compressed + ["LOG", "LOCK", "next.tmp", "00000000000000000001.seg.tmp", "ü"]
    }

    @Test func theOrderOfTheNamesDoesNotMatter() {
        let expected = SegmentListing(DirectoryNames(names)).entries
        #expect(expected.count == 307)
        #expect(expected.filter(\.isTwin).count == 98)
        #expect(expected.map(\.base) == expected.map(\.base).sorted())
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20 {
            let listing = SegmentListing(DirectoryNames(names.shuffled(using: &random)))
            #expect(listing.entries == expected)
            #expect(listing.others == ["00000000000000000001.seg.tmp", "LOCK", "LOG", "next.tmp", "ü"].sorted())
        }
    }

    @Test func theNamesOfAnEntryAreThoseOfTheDirectory() {
        let listed = SegmentListing(DirectoryNames(names.shuffled())).entries.flatMap(\.names)
        #expect(Set(listed) == Set(names.filter { $0.contains(".seg") && !$0.hasSuffix(".tmp") }))
        #expect(listed.count == 405)
    }

    @Test func aNameThatIsToldOfTwiceCountsOnce() {
        let once = SegmentListing(DirectoryNames(names))
        #expect(SegmentListing(DirectoryNames(names + names.prefix(400))).entries == once.entries)
    }

    @Test(arguments: [0, 1, 2, 63, 64, 65, 66, 1_000, 5_000])
    func basesOfAnySizeAreSorted(count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        for limit: UInt64 in [100_000, 1 << 40, .max - 1] {
            let bases = Set((0..<count).map { _ in UInt64.random(in: 1...limit, using: &random) })
            let listing = SegmentListing(DirectoryNames(bases.map { FileNames.segment(base: $0) }))
            #expect(listing.entries.map(\.base) == bases.sorted())
        }
    }

    @Test func noNamesAreNoSegments() {
        let listing = SegmentListing(DirectoryNames())
        #expect(listing.isEmpty)
        #expect(listing.others.isEmpty)
    }
}
