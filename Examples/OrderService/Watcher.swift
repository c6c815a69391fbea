import Foundation
import Wal

/// Follows the log on a thread of its own while others write to it, and checks that every event comes once and in order.
final class Watcher: @unchecked Sendable {
    // Sendable: `outcome` is written by the thread before it signals `isDone`, and read after waiting for that.
    private var outcome: Result<Int, any Error> = .success(0)
    private let isDone = DispatchSemaphore(value: 0)

    /// Starts following from the oldest event; ends behind the last of the workload.
    init(_ log: WriteAheadLog, _ workload: Workload) {
        Thread.detachNewThread { [self] in
            outcome = Result { try Self.follow(log, workload) }
            isDone.signal()
        }
    }

    private static func follow(_ log: WriteAheadLog, _ workload: Workload) throws -> Int {
        var (payload, meta): ([UInt8], [UInt8]) = ([], [])
        var next = 0
        try log.follow { event in
            workload.make(next, payload: &payload, meta: &meta)
            next += 1
            let lsn = event.lsn
            try check(
                lsn == LSN(UInt64(next)) && event.payload.withUnsafeBytes { $0.elementsEqual(payload) },
                "the follower got LSN \(lsn) where event \(next) was due")
            return next == workload.count ? .stop : .continue
        }
        return next
    }

    /// Waits for its end and returns how many events it saw.
    func finish() throws -> Int {
        isDone.wait()
        return try outcome.get()
    }
}
