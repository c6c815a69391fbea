import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Where a file is known to hold nothing but zeros, and that nothing else is ever taken for it.
@Suite("Holes in files")
struct FileHoleTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// All ranges that may be other than zero.
    private func data(_ file: any StorageFile, from offset: UInt64 = 0) throws -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var position = offset
        while let next = try file.nextData(at: position) {
            #expect(next.lowerBound >= position && !next.isEmpty)
            ranges.append(next)
            position = next.upperBound
        }
        return ranges
    }

    @Test func everyByteWrittenIsInADataRangeSyncedOrNot() throws {
        let file = try PosixStorage().create(directory.file("a"))
        try file.allocate(8 << 20)
        let places: [UInt64] = [0, 4095, 70_000, 3 << 20, (5 << 20) - 1, (8 << 20) - 1]
        for place in places {
            try file.write(at: place, [1])
            #expect(try data(file).contains { $0.contains(place) }, "\(place)")
        }
        for isSynced in [false, true] {
            if isSynced { try file.sync() }
            for place in places {
                #expect(try data(file).contains { $0.contains(place) }, "\(place)")
                #expect(try file.nextData(at: place)?.lowerBound == place)
            }
        }
        #expect(try file.nextData(at: 8 << 20) == nil)
        #expect(try file.nextData(at: UInt64(Int64.max)) == nil)
        #expect(failure { try file.nextData(at: .max) }?.errno == ErrorNumber.fileTooLarge)
    }

    @Test func emptyFilesHaveNoData() throws {
        #expect(try PosixStorage().create(directory.file("a")).nextData(at: 0) == nil)
        let disk = SimulatedDisk()
        #expect(try disk.backend.create("/a").nextData(at: 0) == nil)
    }

    @Test func whereTheFileSystemCanNotTellAllIsData() throws {
        var calls = PosixCalls.live
        calls.nextData = { _, _, _ in -ErrorNumber.notSupported }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        try file.allocate(100_000)
        #expect(try data(file) == [0..<100_000])
        #expect(try data(file, from: 99_999) == [99_999..<100_000])
        #expect(try data(file, from: 100_000) == [])
    }

    @Test func anInterruptedQuestionIsAskedAgainAndAFailedOneIsAnError() throws {
        let count = SharedCounter()
        var calls = PosixCalls.live
        let live = calls
        calls.nextData = { number, offset, range in
            count.increment()
            return count.value == 1 ? -ErrorNumber.interrupted : live.nextData(number, offset, &range)
        }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        try file.write(at: 0, [1])
        #expect(try file.nextData(at: 0)?.lowerBound == 0)
        #expect(count.value == 2)
        calls.nextData = { _, _, _ in -ErrorNumber.io }
        let failing = try PosixStorage(calls: calls).open(directory.file("a"), .readOnly)
        #expect(
            failure { try failing.nextData(at: 0) }
                == StorageError(.nextData, directory.file("a"), errno: ErrorNumber.io))
    }

    @Test func theSimulatedDiskCallsAllData() throws {
        let file = try SimulatedDisk().backend.create("/a")
        try file.allocate(10_000)
        #expect(try data(file) == [0..<10_000])
    }
}
