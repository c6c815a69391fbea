import AllocationCounter
import Foundation
import Testing
import Wal

/// Counts, not times: what a path allocates per event is the same on a slow machine. Each test runs in a process of its own,
/// where nobody else allocates.
@Suite(
    "What the hot paths allocate",
    .enabled(if: allocations_are_counted(), "allocations are counted with glibc and without a sanitizer"),
    .serialized)
struct AllocationTests {
    private static let events = 400_000

    private static func withLog(_ body: (WriteAheadLog) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/allocations-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = WriteAheadLog.Options()
        options.sync = .never
        options.segmentSize = 16 << 20
        let log = try WriteAheadLog.open(at: path, options: options)
        // Until blocks and buffers are there.
        try append(log, events / 4)
        try log.flush()
        #expect(allocations_of_thread() > 10, "the counter does not count")
        try body(log)
        try log.shutdown()
    }

    private static func append(_ log: WriteAheadLog, _ count: Int) throws {
        let payload = [UInt8](repeating: 7, count: 128)
        try payload.withUnsafeBytes { bytes in
            for _ in 0..<count { try log.append(bytes) }
        }
    }

    @Test("Appends", .hangGuard)
    func appends() async {
        await #expect(processExitsWith: .success) {
            try Self.withLog { log in
                let (own, all) = (allocations_of_thread(), allocations_of_process())
                try Self.append(log, Self.events)
                try log.flush()
                // The queue's blocks alone, where the writer is behind.
                #expect(allocations_of_thread() - own < 200)
                // The writer's and those of the background: by groups and segments, of which there are a few hundred.
                #expect(allocations_of_process() - all < UInt64(Self.events / 40))
            }
        }
    }

    @Test("Batches: one for each", .hangGuard)
    func batches() async {
        await #expect(processExitsWith: .success) {
            try Self.withLog { log in
                let payload = [UInt8](repeating: 7, count: 128)
                let own = allocations_of_thread()
                let count = Self.events / 100
                for _ in 0..<count {
                    var batch = EventBatch(capacity: 14_000)
                    for _ in 0..<100 { try batch.append(payload) }
                    try log.append(batch)
                }
                try log.flush()
                #expect(allocations_of_thread() - own < UInt64(count) + 200)
            }
        }
    }

    @Test("Borrowed replay and iteration", .hangGuard, arguments: ["mapped", "read"])
    func reading(_ access: String) async {
        await #expect(processExitsWith: .success) { [access = access as String] in
            try Self.withLog { log in
                try Self.append(log, Self.events)
                try log.flush()
                var options = WriteAheadLog.Options()
                options.readOnly = true
                options.readAccess = access == "read" ? .read : .mapped
                let reader = try WriteAheadLog.open(at: log.path, options: options)
                var (events, sum) = (0, 0)
                var all = allocations_of_process()
                try reader.replay { event in
                    events += 1
                    sum += event.payload.byteCount
                    return .continue
                }
                let byReplay = allocations_of_process() - all
                all = allocations_of_process()
                var iterator = try reader.iterator()
                while let event = try iterator.next() {
                    events += 1
                    sum += event.payload.byteCount
                }
                let byIterator = allocations_of_process() - all
                #expect(events == 2 * (Self.events + Self.events / 4) && sum == events * 128)
                // By segments, of which there are five.
                #expect(byReplay < 1000, "\(byReplay)")
                #expect(byIterator < 1000, "\(byIterator)")
                try reader.close()
            }
        }
    }
}
