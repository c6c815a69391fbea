import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// Threads of a test, all started at once and joined at the end.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
    let threads = try (0..<count).map { index in try SystemThread(name: "test-\(index)") { body(index) } }
    for thread in threads { thread.join() }
}

/// The same, suspending: the threads may wait for tasks, which need the caller's.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async throws {
    let threads = try (0..<count).map { index in try SystemThread(name: "test-\(index)") { body(index) } }
    await withCheckedContinuation { continuation in
        let join: @Sendable () -> Void = {
            for thread in threads { thread.join() }
            continuation.resume()
        }
        if (try? SystemThread(name: "test-join", join)) == nil { join() }
    }
}

/// The name of the thread, where the system tells it; else empty.
var currentThreadName: String {
    let name = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
    return name.trimmingCharacters(in: .newlines)
}

/// A value that threads of a test set and read.
final class Shared<Value: Sendable>: Sendable {
    private let stored: Guarded<Value>

    init(_ value: Value) {
        stored = Guarded(value)
    }

    var value: Value {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }

    func update(_ body: (inout Value) -> Void) {
        stored.withLock { body(&$0) }
    }
}

/// The seed of a test's random choices: always the same but for `WAL_SEED`, which is a number, or `new` for one that nobody
/// knows; printed so that a failure can be repeated.
func testSeed(_ name: String = #function) -> UInt64 {
    let wanted = ProcessInfo.processInfo.environment["WAL_SEED"]
    let seed = wanted == "new" ? SystemRandom.bits64() : wanted.flatMap { UInt64($0) } ?? 20_260_501
    print("\(name): WAL_SEED=\(seed)")
    return seed
}

/// Waits, without bound but the test's own limit, until something holds.
func waitUntil(_ condition: () -> Bool) {
    while !condition() { SystemClock.sleep(nanoseconds: 200_000) }
}

/// The same, suspending: for conditions that other tasks make true, which need the thread.
func eventually(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(nanoseconds: 200_000) }
}

/// The code of the error that `body` throws; nil if it throws none.
func code(_ body: () throws -> Void) -> WalError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? WalError)?.code
    }
}

/// The code of the error that `body` throws; nil if it throws none.
func asyncCode(_ body: () async throws -> Void) async -> WalError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? WalError)?.code
    }
}

/// Options for a log on a simulated disk, with small segments.
func testOptions(
    _ storage: LogStorage, sync: SyncPolicy = .batch, segmentSize: Int = 1 << 20
) -> WriteAheadLog.Options {
    var options = WriteAheadLog.Options()
    options.storage = storage
    options.sync = sync
    options.segmentSize = segmentSize
    return options
}

extension WriteAheadLog {
    /// All events, owned.
    func events(from lsn: LSN = 0) throws -> [Event] {
        var iterator = try iterator(from: lsn)
        var events: [Event] = []
        while let event = try iterator.nextOwned() { events.append(event) }
        return events
    }
}

extension [UInt8] {
    /// The text in UTF-8.
    init(text: String) {
        self = Array(text.utf8)
    }
}
