import Testing
import Wal
import WalSimulation

@Suite struct IteratorTests {
    @Test(arguments: [ReadAccess.mapped, .read])
    func `After the log is closed every step of an iterator says so`(_ access: ReadAccess) throws {
        var options = testOptions(SimulatedDisk().storage, sync: .never)
        options.readAccess = access
        let log = try WriteAheadLog.open(at: "/closing", options: options)
        for number in UInt8(0)..<100 { try log.append([number]) }
        try log.flush()
        var events = try log.iterator()
        for number in UInt8(0)..<10 { #expect(try events.nextOwned()?.payload == [number]) }
        try log.close()
        // It holds a frame with ninety events more.
        for _ in 0..<3 { #expect(code { _ = try events.next() } == .closed) }
    }
}
