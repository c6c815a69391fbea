import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Promise 11: a full disk loses nothing, reports nothing wrongly, and passes")
struct Promise11FullDiskTests {
    @Test(
        "A disk that fills in the middle of writing: accepted events keep their LSNs and are written once there is room",
        .hangGuard, arguments: [SyncPolicy.batch, .never], 0..<8)
    func fills(sync: SyncPolicy, round: Int) async throws {
        let disk = SimulatedDisk()
        var options = testOptions(disk.storage, sync: sync, segmentSize: 32 << 10)
        options.preallocation = round % 2 == 0 ? Preallocation.growing : .allocated
        options.queueBytes = 10_000
        let log = try await WriteAheadLog.open(at: "/fills-\(sync)-\(round)", options: options)
        try await log.appendDurably([1])
        disk.capacity = disk.usedBytes + 5000 + 7000 * round
        var accepted: [[UInt8]] = [[1]]
        var durable = 1
        var error: WalError.Code?
        while error == nil {
            let payload = [UInt8](repeating: UInt8(accepted.count % 251), count: 400)
            error = code {
                let lsn = try log.append(payload)
                accepted.append(payload)
                #expect(lsn == LSN(UInt64(accepted.count)))
                if accepted.count % 7 == 0 {
                    try log.sync()
                    durable = accepted.count
                }
            }
        }
        #expect(error == .diskFull)
        // From here on there is no room, whatever the background gives back.
        disk.capacity = 0
        waitUntil {
            let refusal = code { try log.append([0]) }
            if refusal == nil { accepted.append([0]) }
            return refusal == .diskFull && code { try log.flush() } == .diskFull
        }
        #expect(log.state == .running)
        #expect(log.lastAssignedLSN == LSN(UInt64(accepted.count)))
        #expect(log.durableLSN >= LSN(UInt64(durable)))
        #expect(log.lastLSN < log.lastAssignedLSN)
        #expect(code { try log.flush() } == .diskFull)
        #expect(code { try log.sync() } == .diskFull)
        #expect(code { try log.waitDurable(log.lastAssignedLSN) } == .diskFull)
        #expect(await asyncCode { try await log.sync() } == .diskFull)
        // Reading and making what is written durable go on.
        try await log.waitDurable(log.lastLSN)
        #expect(try log.events().map(\.payload) == Array(accepted.prefix(Int(log.lastLSN.rawValue))))
        disk.capacity = nil
        waitUntil { code { try log.append([7]) } == nil }
        accepted.append([7])
        #expect(log.lastAssignedLSN == LSN(UInt64(accepted.count)))
        try await log.shutdown()
        let again = try await WriteAheadLog.open(at: log.path, options: testOptions(disk.storage))
        #expect(try again.events().map(\.payload) == accepted)
        #expect(try await again.verify().isIntact)
        try await again.shutdown()
    }

    @Test(
        "It is written without a further call once there is room, and blocked producers are told",
        .hangGuard)
    func byItself() throws {
        let gate = DiskGate()
        var options = testOptions(gate.guarding(SimulatedDisk().backend), sync: .never)
        options.queueBytes = 1000
        let log = try WriteAheadLog.open(at: "/by-itself", options: options)
        try log.appendDurably([1])
        gate.fail(.write, ErrorNumber.noSpace)
        let codes = Shared<[WalError.Code?]>([])
        try onThreads(3) { _ in
            let code = code { while true { try log.append([UInt8](repeating: 2, count: 100)) } }
            codes.update { $0.append(code) }
        }
        #expect(codes.value == [.diskFull, .diskFull, .diskFull])
        let last = log.lastAssignedLSN
        #expect(code { try log.shutdown() } == .diskFull)
        #expect(log.state == .draining)
        gate.fail(.write, nil)
        // The draining log goes on by itself.
        waitUntil { log.state == .closed }
        #expect(log.durableLSN == last)
        try log.shutdown()
    }

    @Test(
        "Writes that the system interrupts and cuts short store every byte", .hangGuard,
        arguments: [Preallocation.growing, .prewritten])
    func shortWrites(preallocation: Preallocation) throws {
        let directory = try TemporaryDirectory()
        var calls = PosixCalls.live
        let count = Shared(0)
        let write = calls.pwrite
        calls.pwrite = { descriptor, bytes, offset in
            count.update { $0 += 1 }
            switch count.value % 3 {
            case 0: return -Int(ErrorNumber.interrupted)
            case 1:
                return write(
                    descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(max(1, bytes.count / 2))), offset)
            default: return write(descriptor, bytes, offset)
            }
        }
        var options = testOptions(LogStorage(PosixStorage(calls: calls)), segmentSize: 64 << 10)
        options.preallocation = preallocation
        let log = try WriteAheadLog.open(at: directory.path + "/log", options: options)
        for number in 0..<500 { try log.append([UInt8](repeating: UInt8(number % 256), count: 300)) }
        try log.shutdown()
        #expect(count.value > 10)
        let again = try WriteAheadLog.open(at: directory.path + "/log")
        let events = try again.events()
        #expect(events.count == 500)
        #expect(events.enumerated().allSatisfy { $1.payload == [UInt8](repeating: UInt8($0 % 256), count: 300) })
        #expect(try again.verify().isIntact)
        try again.shutdown()
    }
}
