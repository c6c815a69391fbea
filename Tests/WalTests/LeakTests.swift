#if os(Linux)
import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("No failing call leaves anything behind")
struct LeakTests {
    /// Opens a log on real files, does a little of everything, and closes it, whatever fails.
    private static func live(_ path: String, _ plan: FaultPlan) {
        var calls = PosixCalls.live
        // Nothing here is about what is on stable storage.
        calls.syncData = { _ in 0 }
        calls.syncAll = { _ in 0 }
        var options = WriteAheadLog.Options()
        options.storage = LogStorage(FaultStorage(PosixStorage(calls: calls), plan: plan))
        options.segmentSize = 16 << 10
        options.indexSpacing = 4096
        options.compression = .zstd(blockSize: 4096)
        guard let log = try? WriteAheadLog.open(at: FilePath(path), options: options) else { return }
        for _ in 0..<6 { _ = try? log.append([UInt8](repeating: 7, count: 5000)) }
        try? log.sync()
        _ = try? log.rotate()
        _ = try? log.appendDurably([1])
        try? log.replay { _ in .continue }
        try? log.saveCheckpoint("a", at: log.durableLSN)
        _ = try? log.compress()
        _ = try? log.verify()
        _ = try? log.truncate(before: 3)
        try? log.replay { _ in .continue }
        plan.clear()
        try? log.close()
    }

    private struct Census: Equatable {
        var threads = 0
        var descriptors = 0
        var maps = 0

        init(_ root: String) throws {
            let manager = FileManager.default
            threads = try manager.contentsOfDirectory(atPath: "/proc/self/task").count
            descriptors = try manager.contentsOfDirectory(atPath: "/proc/self/fd").count
            let text = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
            maps = text.split(separator: "\n").count { $0.contains(root) }
        }
    }

    @Test(.hangGuard)
    func `After any failed call threads, descriptors and maps are as many as before`() async {
        // In a process of its own, where nobody else opens or starts anything.
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            // What is made once for all is made now.
            LeakTests.live(directory.path + "/first", FaultPlan())
            var before = try Census(directory.path)
            for kind in [(ErrorNumber.io, false), (ErrorNumber.tooManyOpenFiles, true)] {
                for occurrence in 1...400 {
                    let plan = FaultPlan()
                    plan.add(Fault(occurrence: occurrence, isLasting: kind.1, errno: kind.0))
                    let path = directory.path + "/log"
                    LeakTests.live(path, plan)
                    try? FileManager.default.removeItem(atPath: path)
                    // A thread that has been joined may be listed for an instant longer.
                    let end = SystemClock.monotonicNanoseconds() + 60_000_000_000
                    var now = try Census(directory.path)
                    while now != before, SystemClock.monotonicNanoseconds() < end {
                        SystemClock.sleep(nanoseconds: 1_000_000)
                        now = try Census(directory.path)
                        // The pool of the runtime gives threads back, and none of them is the log's.
                        if now.threads < before.threads { before = now }
                    }
                    precondition(now == before, "call \(occurrence), \(kind): \(now), not \(before)")
                    if plan.firedCount == 0 { break }
                }
            }
        }
    }
}
#endif
