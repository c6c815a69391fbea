import SegmentStore
import Testing
import WalSimulation

/// A reader that truncation has overtaken.
@Suite struct SlowReaderTests {
    @Test(arguments: [true, false], [ReadAccess.read, .mapped])
    func `One that truncation overtook names every event that it missed`(
        isOtherProcess: Bool, access: ReadAccess
    ) throws {
        // Up to where it has read, and the oldest event that is kept: in the segment it is in, and in each of those behind it.
        for read in [1, 5, 19, 20] as [UInt64] {
            for kept in [41, 50, 60, 61, 100] as [UInt64] {
                let sample = try StoreSample(segments: 6, eventsEach: 20, size: 100, ending: .closed)
                let writer = try StoreSample.open(sample.disk)
                let reader = isOtherProcess ? try StoreSample.open(sample.disk) { $0.readOnly = true } : writer
                var cursor = try reader.store.cursor(from: 0, through: .max, access: access)
                var last: UInt64 = 0
                while last < read { last = try #require(try cursor.next()).lsn }
                try writer.store.truncate(before: kept)
                let error = #expect(throws: WalError.self) {
                    while let view = try cursor.next() {
                        #expect(view.lsn == last + 1)
                        last = view.lsn
                    }
                }
                let place = "read \(read), kept \(kept)"
                #expect(error?.code == .truncated, "\(place)")
                #expect(error?.lsns == LSN(last + 1)...LSN(kept - 1), "\(place)")
                #expect(error?.message.contains("\(last + 1)") == true && error?.message.contains("\(kept)") == true)
            }
        }
    }
}
