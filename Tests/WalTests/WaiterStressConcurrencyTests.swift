import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Concurrency: no waiter is forgotten, whoever syncs")
struct WaiterStressConcurrencyTests {
    /// Syncs that cover only what is written, beside callers that wait for what is still queued: the two generations of
    /// waiters must not be mixed up.
    @Test(
        "Callers that wait for durability, beside syncs by policy and flushes, all return", .hangGuard,
        arguments: [SyncPolicy.bytes(1), .interval(.microseconds(20)), .batch, .never])
    func waiters(sync: SyncPolicy) throws {
        let log = try WriteAheadLog.open(
            at: "/waiters", options: testOptions(SimulatedDisk().storage, sync: sync, segmentSize: 64 << 10))
        let wrong = Shared(0)
        try onThreads(8) { thread in
            for step in 0..<1200 {
                let error = code {
                    switch thread {
                    case 0: try log.append([1, 2, 3])
                    case 1:
                        try log.append([4])
                        try log.flush()
                    case 2 where step % 50 == 0: try log.rotate()
                    case 3:
                        let lsn = try log.append([5])
                        try log.waitDurable(lsn)
                        if log.durableLSN < lsn { wrong.update { $0 += 1 } }
                    default:
                        let lsn = try log.appendDurably([6])
                        if log.durableLSN < lsn { wrong.update { $0 += 1 } }
                    }
                }
                if error != nil { wrong.update { $0 += 1 } }
            }
        }
        #expect(wrong.value == 0)
        try log.shutdown()
    }
}
