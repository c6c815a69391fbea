import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("Promise 8: rotating loses nothing and makes no name twice")
struct Promise08RotateTests {
    @Test("On an empty segment, right after open, and twice in a row", .hangGuard)
    func rotations() throws {
        let disk = SimulatedDisk()
        let options = testOptions(disk.storage, segmentSize: 64 << 10)
        var log = try WriteAheadLog.open(at: "/rotations", options: options)
        #expect(try !log.rotate())
        try log.append([1])
        #expect(try log.rotate())
        #expect(try !log.rotate())
        try log.append([2])
        try log.append([3])
        try log.shutdown()
        log = try WriteAheadLog.open(at: "/rotations", options: options)
        #expect(try log.rotate())
        #expect(try !log.rotate())
        try log.append([4])
        try log.sync()
        #expect(try log.events().map(\.payload) == [[1], [2], [3], [4]])
        let segments = try log.segments()
        #expect(segments.map(\.firstLSN) == [1, 2, 4])
        #expect(Set(segments.map(\.path)).count == 3)
        #expect(try log.verify().isIntact)
        try log.shutdown()
    }

    @Test("While threads append, every event stays in its place", .hangGuard)
    func whileAppending() throws {
        let disk = SimulatedDisk()
        let log = try WriteAheadLog.open(
            at: "/rotating", options: testOptions(disk.storage, sync: .never, segmentSize: 64 << 10))
        let failures = Shared<[String]>([])
        try onThreads(4) { thread in
            for step in 0..<300 {
                do throws(WalError) {
                    if thread == 0 { try log.rotate() } else { try log.append("\(thread)/\(step)") }
                } catch {
                    failures.update { $0.append("\(error)") }
                }
            }
        }
        #expect(failures.value.isEmpty)
        try log.flush()
        let events = try log.events()
        #expect(events.map(\.lsn) == (1...900).map { LSN($0) })
        for thread in 1...3 {
            let mine = events.map { String(decoding: $0.payload, as: UTF8.self) }.filter { $0.hasPrefix("\(thread)/") }
            #expect(mine == (0..<300).map { "\(thread)/\($0)" })
        }
        try log.shutdown()
        #expect(log.durableLSN == 900)
    }
}
