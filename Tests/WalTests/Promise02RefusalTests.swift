import SegmentStore
import Testing
import Wal
import WalSimulation

@Suite("Promise 2: a dropped or refused append uses no LSN and is never reported as accepted")
struct Promise02RefusalTests {
    @Test(
        "In drop mode the events accepted are the events replayed; the lost ones are counted and observed",
        .hangGuard)
    func dropMode() throws {
        let gate = DiskGate()
        let observer = Recorder()
        var options = testOptions(gate.guarding(SimulatedDisk().backend))
        options.backPressure = .drop
        options.queueBytes = 1000
        options.observer = observer
        let log = try WriteAheadLog.open(at: "/drops", options: options)
        gate.shut(.write)
        let accepted = Shared(0)
        let dropped = Shared(0)
        let other = Shared(0)
        try onThreads(4) { _ in
            for _ in 0..<200 {
                do throws(WalError) {
                    try log.append([UInt8](repeating: 1, count: 50))
                    accepted.update { $0 += 1 }
                } catch {
                    if error.code == .dropped { dropped.update { $0 += 1 } } else { other.update { $0 += 1 } }
                }
            }
        }
        #expect(other.value == 0)
        #expect(dropped.value > 0)
        #expect(log.lastAssignedLSN.rawValue == UInt64(accepted.value))
        gate.open()
        try log.sync()
        #expect(try log.events().count == accepted.value)
        #expect(log.stats().droppedEvents == UInt64(dropped.value))
        #expect(log.stats().appendedEvents == UInt64(accepted.value))
        waitUntil { observer.droppedCount == dropped.value }
        try log.shutdown()
    }

    @Test("No refused append changes the newest LSN", .hangGuard)
    func refusals() throws {
        let gate = DiskGate()
        var options = testOptions(gate.guarding(SimulatedDisk().backend), segmentSize: 16 << 10)
        options.backPressure = .fail
        options.queueBytes = 200
        let log = try WriteAheadLog.open(at: "/refusals", options: options)
        try log.append([1], meta: nil)
        try log.sync()
        #expect(code { try log.append([UInt8](repeating: 0, count: 1 << 20)) } == .tooLarge)
        #expect(code { try log.append([1], meta: [UInt8](repeating: 0, count: (1 << 20) + 1)) } == .tooLarge)
        #expect(code { try log.append([1], meta: nil, key: [UInt8](repeating: 0, count: 65_536)) } == .tooLarge)
        #expect(code { try log.append([1], expecting: 7) } == .unexpectedLSN)
        #expect(code { try log.append(EventBatch()) } == .emptyBatch)
        #expect(code { try log.appendDurably([1], expecting: 0) } == .unexpectedLSN)
        gate.shut(.write)
        try log.append([UInt8](repeating: 2, count: 150))
        #expect(code { try log.append([UInt8](repeating: 2, count: 150)) } == .queueFull)
        #expect(log.lastAssignedLSN == 2)
        #expect(log.stats().refusedAppends == 7)
        gate.open()
        try log.shutdown()
        #expect(code { try log.append([1]) } == .closed)
        #expect(log.lastAssignedLSN == 2)
        #expect(log.lastLSN == 2)
    }

    @Test("An event larger than the queue's bound is taken when the queue is empty", .hangGuard)
    func largerThanBound() throws {
        var options = testOptions(SimulatedDisk().storage)
        options.queueBytes = 10
        options.queueEvents = 2
        let log = try WriteAheadLog.open(at: "/larger", options: options)
        for _ in 0..<20 { try log.append([UInt8](repeating: 1, count: 1000)) }
        var batch = EventBatch()
        for number in 0..<10 { try batch.append([UInt8(number)]) }
        #expect(try log.append(batch) == 30)
        try log.shutdown()
        #expect(log.durableLSN == 30)
    }
}
