import Foundation
import SegmentStore
import Synchronization
import Testing
import WalPlatform

@Suite struct PageAheadConcurrencyTests {
    private static let size = 1000

    /// The threads that a log starts: how many there have been, and how many have not ended.
    private struct Threads {
        let started = SharedCounter()
        let running = SharedCounter()

        func waitForNone() {
            let deadline = SystemClock.monotonicNanoseconds() + 600_000_000_000
            while running.value > 0, SystemClock.monotonicNanoseconds() < deadline {
                SystemClock.sleep(nanoseconds: 1_000_000)
            }
            #expect(running.value == 0)
        }
    }

    /// A log of segments of 3 MiB in a directory of its own, all but the last one sealed. Waits for the end of its threads.
    private func withLog(
        segments: Int = 5, processors: Int = 2, refuses: Bool = false,
        _ body: (LogStore, Threads, _ count: Int) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        let threads = Threads()
        var environment = StoreHarness.environment(PosixStorage(), seed: 3)
        environment.processorCount = processors
        environment.spawn = { body in
            if refuses { return false }
            threads.started.increment()
            threads.running.increment()
            let thread = try? SystemThread(name: "ahead") {
                body()
                threads.running.decrement()
            }
            if thread == nil { threads.running.decrement() }
            return thread != nil
        }
        var options = StoreOptions()
        options.segmentSize = 4 << 20
        let store = try LogStore.open(directory.file("log"), options: options, environment: environment)
        let log = StoreHarness(store)
        for segment in 0..<segments {
            if segment > 0 {
                _ = try store.rotate()
                try log.maintain()
            }
            for _ in 0..<60 {
                let next = store.writtenLSN + 1
                try log.append((next..<next + 50).map { StoreSample.event($0, size: Self.size) })
            }
        }
        try body(store, threads, segments * 3000)
        threads.waitForNone()
        try store.closeCleanly()
    }

    /// Reads up to an event; returns how many there were.
    private func read(_ cursor: inout LogCursor, through last: Int = .max) throws -> Int {
        var seen = 0
        while let view = try cursor.next() {
            seen += 1
            let expected = StoreSample.event(view.lsn, size: Self.size)
            // Not byte for byte in Swift: that takes minutes under the thread sanitizer.
            guard let bytes = view.payload.baseAddress, view.payload.count == expected.count,
                memcmp(bytes, expected, expected.count) == 0
            else {
                Issue.record("event \(view.lsn) is wrong")
                break
            }
            if seen == last { break }
        }
        return seen
    }

    /// Reads with a cursor of its own, which has gone on return.
    private func read(_ store: LogStore, through last: Int = .max) throws -> Int {
        var cursor = try store.cursor(from: 0, through: .max)
        return try read(&cursor, through: last)
    }

    @Test func `A thread that brings pages in changes nothing but the time, and ends with its reader`() throws {
        try withLog { store, threads, count in
            for last in [Int.max, 9_000, 5_000] {
                let before = threads.started.value
                let seen = try read(store, through: last)
                #expect(seen == min(last, count))
                // More than one where the machine is slow: a thread that had nothing to do for long ends.
                #expect(threads.started.value > before)
                threads.waitForNone()
            }
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
            #expect(threads.started.value == 0)
        }
    }

    @Test func `With one processor, or without a thread to be had, the reader does it itself`() throws {
        for (processors, refuses) in [(1, false), (2, true)] {
            try withLog(segments: 2, processors: processors, refuses: refuses) { store, threads, count in
                let seen = try read(store)
                #expect(seen == count)
                #expect(threads.started.value == 0)
            }
        }
    }

    @Test func `Truncation beside it takes nothing from under it`() throws {
        try withLog { store, _, count in
            var cursor = try store.cursor(from: 0, through: .max)
            #expect(try read(&cursor, through: 2_500) == 2_500)
            try store.truncate(before: UInt64(count))
            // The rest of the segment it is in, and no more.
            let error = #expect(throws: WalError.self) { try read(&cursor) }
            #expect(error?.code == .truncated)
            #expect(try read(store) == 1)
        }
    }

    @Test func `A cut beside it ends it where the log ends`() throws {
        try withLog { store, _, _ in
            var cursor = try store.cursor(from: 0, through: .max)
            #expect(try read(&cursor, through: 2_500) == 2_500)
            try store.truncate(after: 5_000)
            #expect(try read(&cursor) == 2_500)
        }
    }
}
