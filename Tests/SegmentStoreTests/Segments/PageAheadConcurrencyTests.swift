import SegmentStore
import Synchronization
import Testing
import WalPlatform

@Suite struct PageAheadConcurrencyTests {
    private static let size = 1000

    /// A log of five segments of 3 MiB in a directory of its own, the first four sealed.
    private func withLog(
        processors: Int = 2, refuses: Bool = false, started: SharedCounter = SharedCounter(),
        _ body: (LogStore, SharedCounter, _ count: Int) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        let threads = SharedCounter()
        var environment = StoreHarness.environment(PosixStorage(), seed: 3)
        environment.processorCount = processors
        environment.spawn = { body in
            if refuses { return false }
            threads.increment()
            started.increment()
            return
                (try? SystemThread(name: "ahead") {
                    body()
                    threads.decrement()
                }) != nil
        }
        var options = StoreOptions()
        options.segmentSize = 4 << 20
        let store = try LogStore.open(directory.file("log"), options: options, environment: environment)
        let log = StoreHarness(store)
        for segment in 0..<5 {
            if segment > 0 {
                _ = try store.rotate()
                try log.maintain()
            }
            for _ in 0..<60 {
                let next = store.writtenLSN + 1
                try log.append((next..<next + 50).map { StoreSample.event($0, size: Self.size) })
            }
        }
        try body(store, threads, 15_000)
        waitForNone(threads)
        try store.closeCleanly()
    }

    private func waitForNone(_ threads: SharedCounter) {
        let deadline = SystemClock.monotonicNanoseconds() + 10_000_000_000
        while threads.value > 0, SystemClock.monotonicNanoseconds() < deadline {
            SystemClock.sleep(nanoseconds: 1_000_000)
        }
        #expect(threads.value == 0)
    }

    /// Reads up to an event; returns how many there were.
    private func read(_ cursor: inout LogCursor, through last: Int = .max) throws -> Int {
        var seen = 0
        while let view = try cursor.next() {
            seen += 1
            let expected = StoreSample.event(view.lsn, size: Self.size)
            guard view.payload.elementsEqual(expected) else {
                Issue.record("event \(view.lsn) is wrong")
                break
            }
            if seen == last { break }
        }
        return seen
    }

    @Test func `A thread that brings pages in changes nothing but the time, and ends with its reader`() throws {
        let started = SharedCounter()
        try withLog(started: started) { store, threads, count in
            for last in [Int.max, 9_000, 5_000] {
                var cursor = try store.cursor(from: 0, through: .max)
                #expect(try read(&cursor, through: last) == min(last, count))
                #expect(threads.value <= 1)
            }
            waitForNone(threads)
            let before = started.value
            var cursor = try store.cursor(from: 0, through: .max)
            _ = try read(&cursor, through: 5_000)
            // More than one where the machine is slow: a thread that had nothing to do for long ends.
            #expect(started.value > before)
        }
    }

    @Test func `Who looks for one event, or reads a little, starts none`() throws {
        try withLog { store, threads, count in
            for lsn in stride(from: UInt64(1), through: UInt64(count), by: 397) {
                var cursor = try store.cursor(from: lsn, through: .max)
                #expect(try cursor.next()?.lsn == lsn)
            }
            var cursor = try store.cursor(from: 0, through: .max)
            #expect(try read(&cursor, through: 800) == 800)
            #expect(threads.value == 0)
        }
    }

    @Test func `With one processor, or without a thread to be had, the reader does it itself`() throws {
        for (processors, refuses) in [(1, false), (2, true)] {
            try withLog(processors: processors, refuses: refuses) { store, threads, count in
                var cursor = try store.cursor(from: 0, through: .max)
                #expect(try read(&cursor) == count)
                #expect(threads.value == 0)
            }
        }
    }

    @Test func `Truncation beside it takes nothing from under it`() throws {
        try withLog { store, threads, count in
            var cursor = try store.cursor(from: 0, through: .max)
            #expect(try read(&cursor, through: 2_500) == 2_500)
            try store.truncate(before: UInt64(count))
            // The rest of the segment it is in, and no more.
            let error = #expect(throws: WalError.self) { try read(&cursor) }
            #expect(error?.code == .truncated)
            var rest = try store.cursor(from: 0, through: .max)
            #expect(try read(&rest) == 1)
            waitForNone(threads)
        }
    }

    @Test func `A cut beside it ends it where the log ends`() throws {
        try withLog { store, threads, _ in
            var cursor = try store.cursor(from: 0, through: .max)
            #expect(try read(&cursor, through: 2_500) == 2_500)
            try store.truncate(after: 5_000)
            #expect(try read(&cursor) == 2_500)
            waitForNone(threads)
        }
    }
}
