import SegmentStore
import Testing
import WalPlatform

/// The segments of a catalogue, of which those found at open become objects when they are asked for.
@Suite("List of segments")
struct SegmentListTests {
    private func found(_ count: Int) -> [RecoveryPlan.Found] {
        var found: [RecoveryPlan.Found] = []
        for number in 0..<count {
            let segment = segment(number)
            found.append(.init(base: segment.base, sequence: segment.sequence, isCompressed: number % 3 == 0))
        }
        return found
    }

    private func segment(_ number: Int) -> Segment {
        Segment(base: UInt64(number * 10 + 1), sequence: UInt64(number + 5), directory: "/log", state: .active)
    }

    private func list(found count: Int, made: Int) -> SegmentList {
        var list = SegmentList(found(count)[...], directory: "/log")
        for number in count..<count + made { list.append(segment(number)) }
        return list
    }

    private func expect(_ list: SegmentList, _ numbers: Range<Int>) {
        #expect(list.count == numbers.count)
        #expect(list.isEmpty == numbers.isEmpty)
        #expect(list.map(\.base) == numbers.map { UInt64($0 * 10 + 1) })
        for (index, number) in numbers.enumerated() {
            #expect(list.base(at: index) == list[index].base)
            #expect(list.sequence(at: index) == UInt64(number + 5))
            #expect(list[index].sequence == UInt64(number + 5))
        }
    }

    @Test func foundAndMadeSegmentsAreOneList() {
        for (count, made) in [(0, 0), (0, 3), (3, 0), (4, 3)] {
            expect(list(found: count, made: made), 0..<count + made)
        }
        let found = list(found: 4, made: 0)
        #expect(found.map(\.path).first == "/log/" + FileNames.compressedSegment(base: 1))
        #expect(found[1].path == "/log/" + FileNames.segment(base: 11))
        #expect(found.allSatisfy { $0.info.withLock { $0.state == .sealed && !$0.isRemoved } })
    }

    @Test func aSegmentIsTheSameObjectWheneverItIsAskedFor() {
        let list = list(found: 4, made: 2)
        var copy = list
        copy.append(segment(6))
        for index in list.indices { #expect(list[index] === copy[index]) }
        copy.removeFirst(2)
        for index in copy.indices.dropLast() { #expect(list[index + 2] === copy[index]) }
    }

    @Test func segmentsGoAtBothEnds() {
        for first in 0...7 {
            for last in 0...(7 - first) {
                var list = list(found: 4, made: 3)
                list.removeFirst(first)
                list.removeLast(last)
                expect(list, first..<7 - last)
                list.append(contentsOf: [segment(7 - last), segment(8 - last)])
                expect(list, first..<9 - last)
            }
        }
    }

    @Test func anOldCopyIsToldThatASegmentWasRemoved() {
        let old = list(found: 5, made: 1)
        var list = old
        let kept = list[1]
        kept.info.withLock { $0.isRemoved = true }
        list.removeFirst(3)
        for index in 0..<3 { #expect(old[index].info.withLock { $0.isRemoved }) }
        for index in 3..<5 { #expect(!old[index].info.withLock { $0.isRemoved }) }
        #expect(kept.base == old[1].base)
    }

    @Test func theFrontThatMeetsAConditionIsFoundByHalves() {
        var list = list(found: 20, made: 13)
        list.removeFirst(2)
        for lsn in 0..<UInt64(340) {
            let count = list.prefixCount { base, _ in base <= lsn }
            #expect(count == list.filter { $0.base <= lsn }.count)
        }
        #expect(list.prefixCount { _, _ in true } == 31)
        #expect(list.prefixCount { _, sequence in sequence < 7 } == 0)
    }
}
