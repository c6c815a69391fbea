import SegmentStore
import Synchronization
import Testing
import WalPlatform
import WalSimulation

@Suite struct ReadAheadConcurrencyTests {
    private func store(_ disk: SimulatedDisk, threads: SharedCounter, refuses: Bool = false) throws -> LogStore {
        var environment = StoreHarness.environment(disk, seed: 3)
        environment.spawn = { body in
            if refuses { return false }
            threads.increment()
            return
                (try? SystemThread(name: "ahead") {
                    body()
                    threads.decrement()
                }) != nil
        }
        var options = StoreHarness.smallSegments
        options.segmentSize = 256 << 10
        return try LogStore.open("/log", options: options, environment: environment)
    }

    private func sample() throws -> (SimulatedDisk, Int) {
        let disk = SimulatedDisk()
        let threads = SharedCounter()
        let log = StoreHarness(try store(disk, threads: threads))
        for number in UInt64(1)...600 {
            try log.append((0..<5).map { StoreSample.event(number * 5 + $0, size: 200) })
            if number % 200 == 0 {
                _ = try log.store.rotate()
                try log.maintain()
            }
        }
        try log.compress(.zstd(blockSize: 4096))
        #expect(try log.store.segments().filter(\.isCompressed).count >= 3)
        try log.store.closeCleanly()
        return (disk, 3000)
    }

    @Test func `A thread that unpacks ahead changes nothing but the time, and ends with its reader`() throws {
        let (disk, count) = try sample()
        let threads = SharedCounter()
        let store = try store(disk, threads: threads)
        for round in 0..<4 {
            var cursor = try store.cursor(from: 0, through: .max)
            var seen = 0
            while let view = try cursor.next() {
                seen += 1
                guard view.lsn == UInt64(seen), view.payload.count == 200,
                    view.payload.elementsEqual(
                        StoreSample.event(UInt64((seen - 1) / 5 + 1) * 5 + UInt64((seen - 1) % 5), size: 200))
                else {
                    Issue.record("event \(seen) is wrong")
                    break
                }
                // Given up in the middle, at different places.
                if round > 0, seen == count * round / 5 { break }
            }
            if round == 0 { #expect(seen == count) }
        }
        let deadline = SystemClock.monotonicNanoseconds() + 600_000_000_000
        while threads.value > 0, SystemClock.monotonicNanoseconds() < deadline {
            SystemClock.sleep(nanoseconds: 1_000_000)
        }
        #expect(threads.value == 0)
        try store.closeCleanly()
        #expect(disk.openHandles == 0)
    }

    @Test func `The thread ends where the compressed segments do`() throws {
        let (disk, count) = try sample()
        let threads = SharedCounter()
        let store = try store(disk, threads: threads)
        try StoreHarness(store).append([[1], [2]])
        var cursor = try store.cursor(from: 0, through: .max)
        for _ in 0..<count + 1 { _ = try cursor.next() }
        let deadline = SystemClock.monotonicNanoseconds() + 600_000_000_000
        while threads.value > 0, SystemClock.monotonicNanoseconds() < deadline {
            SystemClock.sleep(nanoseconds: 1_000_000)
        }
        #expect(threads.value == 0)
        #expect(try cursor.next()?.lsn == UInt64(count + 2))
        try store.abandon()
    }

    @Test func `A seek costs no thread, and one that can't be had is done without`() throws {
        let (disk, count) = try sample()
        let threads = SharedCounter()
        let seeking = try store(disk, threads: threads)
        for lsn in stride(from: UInt64(1), through: UInt64(count), by: 97) {
            var cursor = try seeking.cursor(from: lsn, through: .max)
            #expect(try cursor.next()?.lsn == lsn)
        }
        #expect(threads.value == 0)
        try seeking.abandon()
        let without = try store(disk, threads: threads, refuses: true)
        #expect(try StoreHarness(without).contents().count == count)
        try without.abandon()
    }
}
