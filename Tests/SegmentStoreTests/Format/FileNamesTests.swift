import SegmentStore
import Testing

/// What a name in a log's directory is taken for: nothing but the names that this software gives.
@Suite("Names of segment files")
struct FileNamesTests {
    private func segment(_ name: [UInt8]) -> (base: UInt64, isCompressed: Bool)? {
        name.withUnsafeBytes { FileNames.segment(named: $0) }
    }

    @Test(arguments: [1, 9, 10, 4711, 9_999_999_999, 10_000_000_000_000_000_000, .max - 1] as [UInt64])
    func theNameOfASegmentIsReadBack(base: UInt64) {
        for isCompressed in [false, true] {
            let name = isCompressed ? FileNames.compressedSegment(base: base) : FileNames.segment(base: base)
            let found = segment(Array(name.utf8))
            #expect(found?.base == base)
            #expect(found?.isCompressed == isCompressed)
            #expect(FileNames.base(ofSegment: name) == (isCompressed ? nil : base))
            #expect(FileNames.base(ofCompressed: name) == (isCompressed ? base : nil))
        }
    }

    @Test(arguments: [
        "", ".", "LOG", "00000000000000000001", "0000000000000000001.seg", "000000000000000000001.seg",
        "00000000000000000000.seg", "18446744073709551615.seg", "18446744073709551616.seg", "99999999999999999999.seg",
        "0000000000000000000a.seg", "-0000000000000000001.seg", "+0000000000000000001.seg", " 0000000000000000001.seg",
        "0000000000000000000:.seg", "0000000000000000000/.seg", "00000000000000000001.SEG", "00000000000000000001_seg",
        "00000000000000000001.sex", "00000000000000000001.seg.zsT", "00000000000000000001.seg.tmp",
        "00000000000000000001.segzst.", "00000000000000000001.seg.zst.tmp", "00000000000000000001.seg\u{0}zst",
        "٠٠٠٠٠٠٠٠٠٠.seg", "0000000000000000000é.seg",
    ])
    func anyOtherNameIsNone(name: String) {
        #expect(segment(Array(name.utf8)) == nil)
        #expect(FileNames.base(ofSegment: name) == nil)
        #expect(FileNames.base(ofCompressed: name) == nil)
    }

    @Test func noOtherByteAnywhereInTheNameIsTakenForTheRightOne() {
        for name in [FileNames.segment(base: 12_345), FileNames.compressedSegment(base: 12_345)] {
            let right = Array(name.utf8)
            for index in right.indices {
                for byte in UInt8.min...UInt8.max where byte != right[index] {
                    var wrong = right
                    wrong[index] = byte
                    // A first digit above 1 makes the number too large.
                    let digits = UInt8(ascii: "0")...UInt8(ascii: index == 0 ? "1" : "9")
                    let isOther = index < 20 && digits.contains(byte)
                    let found = segment(wrong)
                    #expect((found != nil) == isOther && found?.base != 12_345, "byte \(byte) at \(index)")
                }
            }
        }
    }
}
