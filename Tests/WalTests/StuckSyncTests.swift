import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("What can't be done now, and has lost nothing, fails no log and is done when it can")
struct StuckSyncTests {
    /// A disk of which some calls fail while `errno` is set.
    private func storage(
        _ disk: SimulatedDisk, _ errno: Shared<CInt?>,
        failing: @escaping @Sendable (StorageError.Operation, String) -> Bool
    ) -> LogStorage {
        LogStorage(
            HookStorage(base: disk.backend) { operation, path throws(StorageError) in
                if let errno = errno.value, failing(operation, path) {
                    throw StorageError(operation, path, errno: errno)
                }
            })
    }

    @Test(.hangGuard, arguments: [SyncPolicy.batch, .never, .interval(.milliseconds(1))])
    func `Without a descriptor to sync the directory nothing is acknowledged, and nothing fails`(
        _ sync: SyncPolicy
    ) async throws {
        let disk = SimulatedDisk()
        let errno = Shared<CInt?>(nil)
        let options = testOptions(storage(disk, errno) { operation, _ in operation == .syncDirectory }, sync: sync)
        let log = try await WriteAheadLog.open(at: "/log", options: options)
        try await log.appendDurably([1])
        errno.value = ErrorNumber.tooManyOpenFiles
        try await log.rotate()
        try await log.append([2])
        #expect(code { try log.sync() } == .unavailable)
        #expect(code { try log.waitDurable(2) } == .unavailable)
        #expect(await asyncCode { try await log.waitDurable(2) } == .unavailable)
        #expect(code { try log.append([3]) } == .unavailable)
        #expect(log.state == .running && log.durableLSN == 1 && log.lastAssignedLSN == 2)
        #expect(try log.events().map(\.payload) == [[1], [2]])
        errno.value = nil
        waitUntil { code { try log.append([3]) } == nil }
        try await log.shutdown()
        let again = try await WriteAheadLog.open(at: "/log", options: testOptions(disk.crash(.keepNone).storage))
        #expect(try again.events().map(\.payload) == [[1], [2], [3]])
        try await again.shutdown()
    }

    @Test(.hangGuard, arguments: [ErrorNumber.io, ErrorNumber.permission])
    func `A segment that can't be made when it is needed is made when it can be`(_ number: CInt) throws {
        let disk = SimulatedDisk()
        let errno = Shared<CInt?>(nil)
        let options = testOptions(
            storage(disk, errno) { operation, path in operation == .create && path.hasSuffix("next.tmp") },
            segmentSize: 16 << 10)
        let log = try WriteAheadLog.open(at: "/log", options: options)
        errno.value = number
        var accepted: [[UInt8]] = []
        waitUntil {
            let payload = [UInt8](repeating: UInt8(accepted.count % 251), count: 3000)
            let refusal = code { try log.append(payload) }
            if refusal == nil { accepted.append(payload) }
            return refusal == .unavailable
        }
        #expect(code { try log.sync() } == .unavailable)
        #expect(log.state == .running)
        errno.value = nil
        waitUntil { code { try log.append([7]) } == nil }
        accepted.append([7])
        try log.shutdown()
        let again = try WriteAheadLog.open(at: "/log", options: testOptions(disk.crash(.keepNone).storage))
        #expect(try again.events().map(\.payload) == accepted)
        try again.shutdown()
    }
}
