import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("A follower gets every event once, in order, and waits for the next")
struct FollowerTests {
    private static func open(
        _ disk: SimulatedDisk, sync: SyncPolicy = .batch, _ change: (inout WriteAheadLog.Options) -> Void = { _ in }
    ) throws -> WriteAheadLog {
        var options = testOptions(disk.storage, sync: sync, segmentSize: 16 << 10)
        change(&options)
        return try WriteAheadLog.open(at: "/follow", options: options)
    }

    private func numbers(_ follower: inout Follower, count: Int) throws -> [UInt64] {
        var numbers: [UInt64] = []
        while numbers.count < count, let event = try follower.next() { numbers.append(event.lsn.rawValue) }
        return numbers
    }

    @Test("On an empty log it waits for the first event, across many segments", .hangGuard)
    func crossesRolls() throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk)
        var follower = try log.follow()
        #expect(code { _ = try follower.nextOwned(timeout: .zero) } == .timedOut)
        for round in 0..<40 {
            for part in 0..<10 {
                try log.append([UInt8](repeating: UInt8(round), count: 300 + part), meta: [UInt8(part)])
            }
            let events = (0..<10).compactMap { _ in try? follower.nextOwned() }
            #expect(events.map(\.lsn.rawValue) == (1...10).map { UInt64(round * 10 + $0) })
            #expect(events.map(\.payload.count) == (300..<310).map { $0 })
            #expect(events.allSatisfy { $0.payload.allSatisfy { $0 == UInt8(round) } })
            #expect(events.map(\.meta) == (0..<10).map { [UInt8($0)] })
            if round % 7 == 0 { try log.rotate() }
        }
        #expect(try log.segments().count > 8)
        #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(1)) } == .timedOut)
        #expect(follower.lag == 0)
        try log.shutdown()
        #expect(try follower.next() == nil)
    }

    @Test("It starts anywhere from the oldest event to the next one accepted, and nowhere else")
    func starts() throws {
        let log = try Self.open(SimulatedDisk())
        for number in 1...100 { try log.appendDurably([UInt8](repeating: UInt8(number), count: 500)) }
        for start in [1, 2, 50, 99, 100] as [UInt64] {
            var follower = try log.follow(from: LSN(start))
            #expect(try numbers(&follower, count: Int(100 - start + 1)) == Array(start...100))
            #expect(code { _ = try follower.nextOwned(timeout: .zero) } == .timedOut)
        }
        var next = try log.follow(from: 101)
        #expect(code { _ = try next.nextOwned(timeout: .zero) } == .timedOut)
        #expect(code { _ = try log.follow(from: 102) } == .notYetWritten)
        try log.truncate(before: 60)
        #expect(code { _ = try log.follow(from: 59) } == .truncated)
        var oldest = try log.follow()
        #expect(try oldest.next()?.lsn == 60)
        try log.appendDurably("101")
        #expect(try next.next()?.lsn == 101)
        try log.close()
    }

    @Test(
        "Mapped or read, it moves from finished segments to the one being written",
        arguments: [
            ReadAccess.mapped, .read,
        ])
    func access(_ access: ReadAccess) throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk) { $0.readAccess = access }
        let before = disk.openHandles
        do {
            var follower = try log.follow()
            for number in 1...300 {
                try log.append([UInt8](repeating: UInt8(number % 251), count: 400))
                if number % 50 == 0 {
                    try log.sync()
                    #expect(try numbers(&follower, count: 30).count == 30)
                }
            }
            try log.sync()
            #expect(try numbers(&follower, count: 120) == Array(181...300))
            #expect(follower.lag == 0)
            #expect(log.stats().followers == 1)
        }
        #expect(log.stats().followers == 0)
        waitUntil { disk.openHandles <= before + 2 }
        try log.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test("Durable events come once they are durable, written ones before", .hangGuard)
    func delivery() throws {
        for policy in [SyncPolicy.never, .interval(.seconds(3600)), .bytes(1 << 30)] {
            let gate = DiskGate()
            let options = testOptions(gate.guarding(SimulatedDisk().backend), sync: policy)
            let log = try WriteAheadLog.open(at: "/delivery", options: options)
            var durable = try log.follow(delivering: .durable)
            var written = try log.follow(delivering: .written)
            var automatic = try log.follow()
            try log.append("1")
            #expect(try written.next()?.lsn == 1)
            #expect(code { _ = try durable.nextOwned(timeout: .zero) } == .timedOut)
            if policy == .never {
                #expect(try automatic.next()?.lsn == 1)
            } else {
                #expect(code { _ = try automatic.nextOwned(timeout: .zero) } == .timedOut)
            }
            try log.sync()
            #expect(try durable.next()?.lsn == 1)
            try log.close()
        }
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/delivery", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .batch))
        var durable = try log.follow()
        var written = try log.follow(delivering: .written)
        gate.shut(.sync)
        try log.append("1")
        #expect(try written.next()?.lsn == 1)
        gate.waitUntilHeld()
        #expect(code { _ = try durable.nextOwned(timeout: .zero) } == .timedOut)
        gate.open()
        #expect(try durable.next()?.lsn == 1)
        try log.shutdown()
    }

    @Test("A block that is still being filled is written at once for a follower that waits", .hangGuard)
    func lingersNot() throws {
        let log = try Self.open(SimulatedDisk(), sync: .never)
        try onThreads(2) { thread in
            if thread == 0 {
                for number in 0..<2000 {
                    _ = try? log.append([UInt8](repeating: 1, count: 40))
                    if number % 100 == 0 { SystemClock.sleep(nanoseconds: 100_000) }
                }
            } else if var follower = try? log.follow() {
                var count = 0
                while count < 2000, (try? follower.next()) != nil { count += 1 }
                #expect(count == 2000)
            }
        }
        try log.shutdown()
    }

    @Test("One that fell behind what is kept is told which events it missed", .hangGuard)
    func fallsBehind() throws {
        let log = try Self.open(SimulatedDisk())
        var follower = try log.follow()
        for number in 1...200 { try log.append([UInt8](repeating: UInt8(number), count: 500)) }
        try log.sync()
        #expect(try follower.next()?.lsn == 1)
        // The segment it is in stays readable.
        try log.truncate(before: 150)
        var last: UInt64 = 1
        var missed: ClosedRange<LSN>?
        while missed == nil {
            do {
                guard let event = try follower.next() else { break }
                #expect(event.lsn.rawValue == last + 1)
                last = event.lsn.rawValue
            } catch {
                #expect(error.code == .truncated)
                missed = error.lsns
            }
        }
        #expect(last < 149 && missed == LSN(last + 1)...149)
        #expect(code { _ = try follower.nextOwned() } == .truncated)
        try log.close()
    }

    @Test("The closure form goes on until it is stopped, throws, or the log ends", .hangGuard)
    func closure() throws {
        struct Enough: Error {}
        let log = try Self.open(SimulatedDisk())
        for _ in 0..<10 { try log.appendDurably("x") }
        var seen: [UInt64] = []
        try log.follow(from: 3) { event in
            seen.append(event.lsn.rawValue)
            return event.lsn == 7 ? .stop : .continue
        }
        #expect(seen == [3, 4, 5, 6, 7])
        #expect(throws: Enough.self) {
            try log.follow { event in if event.lsn == 2 { throw Enough() } else { .continue } }
        }
        let count = Shared(0)
        try onThreads(2) { thread in
            if thread == 0 {
                try? log.follow { _ in
                    count.value += 1
                    return .continue
                }
            } else {
                waitUntil { count.value == 10 }
                _ = try? log.append("11")
                try? log.shutdown()
            }
        }
        #expect(count.value == 11)
    }

    // MARK: The end

    @Test("After a shutdown a slow follower reads the rest, then hears of the end", .hangGuard)
    func shutdown() throws {
        for policy in [SyncPolicy.batch, .never] {
            let disk = SimulatedDisk()
            let log = try Self.open(disk, sync: policy)
            var slow = try log.follow()
            for number in 1...100 { try log.append([UInt8](repeating: UInt8(number), count: 300)) }
            var late = try log.follow(from: 51, delivering: .durable)
            #expect(try slow.next()?.lsn == 1)
            try log.shutdown()
            #expect(try numbers(&slow, count: 200) == Array(2...100))
            #expect(try numbers(&late, count: 200) == Array(51...100))
            #expect(try slow.next() == nil)
            // Closing what is closed takes nothing away.
            try log.close()
            #expect(try late.next() == nil)
            var after = try log.follow(from: 99)
            #expect(try numbers(&after, count: 200) == [99, 100])
            _ = consume slow
            _ = consume late
            _ = consume after
            #expect(disk.openHandles == 0)
        }
    }

    @Test("Closing ends it at once, asleep or not", .hangGuard)
    func closes() throws {
        let log = try Self.open(SimulatedDisk())
        try log.appendDurably("1")
        try log.appendDurably("2")
        let isAsleep = Shared(false)
        try onThreads(2) { thread in
            if thread == 0 {
                guard var follower = try? log.follow(from: 3) else { return }
                isAsleep.value = true
                #expect(code { _ = try follower.nextOwned() } == .closed)
                #expect(code { _ = try follower.nextOwned() } == .closed)
            } else {
                guard var reader = try? log.follow() else { return }
                #expect((try? reader.nextOwned())??.lsn == 1)
                waitUntil { isAsleep.value }
                try? log.close()
                #expect(code { _ = try reader.nextOwned() } == .closed)
            }
        }
        #expect(code { _ = try log.follow() } == .closed)
    }

    @Test("A log that is dropped closes, followed or not", .hangGuard)
    func dropped() throws {
        let disk = SimulatedDisk()
        var log: WriteAheadLog? = try Self.open(disk)
        guard var follower = try log?.follow() else { return }
        log = nil
        #expect(code { _ = try follower.nextOwned() } == .closed)
    }

    @Test("A failed log gives what was durable, then its failure", .hangGuard)
    func fails() throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/fails", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .batch))
        var durable = try log.follow()
        var written = try log.follow(delivering: .written)
        for _ in 0..<5 { try log.appendDurably("durable") }
        gate.fail(.sync, ErrorNumber.io)
        #expect(code { try log.appendDurably("lost") } == .failed)
        #expect(try numbers(&durable, count: 5) == [1, 2, 3, 4, 5])
        #expect(code { _ = try durable.nextOwned() } == .failed)
        #expect(try numbers(&written, count: 6) == [1, 2, 3, 4, 5, 6])
        #expect(code { _ = try written.nextOwned() } == .failed)
        var late = try log.follow(from: 4)
        #expect(try numbers(&late, count: 2) == [4, 5])
        #expect(code { try log.shutdown() } == .failed)
        #expect(code { _ = try late.nextOwned() } == .failed)
    }

    @Test("A full disk is waited out", .hangGuard)
    func fullDisk() throws {
        let gate = DiskGate()
        let log = try WriteAheadLog.open(
            at: "/full", options: testOptions(gate.guarding(SimulatedDisk().backend), sync: .batch))
        var follower = try log.follow()
        try log.appendDurably("1")
        #expect(try follower.next()?.lsn == 1)
        gate.fail(.write, ErrorNumber.noSpace)
        #expect(code { try log.appendDurably("2") } == .diskFull)
        #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(1)) } == .timedOut)
        gate.fail(.write, nil)
        #expect(try follower.next()?.lsn == 2)
        try log.shutdown()
        #expect(try follower.next() == nil)
    }

    @Test("Another thread can end the wait", .hangGuard)
    func cancellation() throws {
        let disk = SimulatedDisk()
        let log = try Self.open(disk)
        try log.appendDurably("1")
        let handle = Shared<FollowCancellation?>(nil)
        try onThreads(2) { thread in
            if thread == 0 {
                guard var follower = try? log.follow() else { return }
                #expect((try? follower.nextOwned())??.lsn == 1)
                handle.value = follower.cancellation
                #expect(code { _ = try follower.nextOwned() } == .cancelled)
                #expect(code { _ = try follower.nextOwned(timeout: .zero) } == .cancelled)
            } else {
                waitUntil { handle.value != nil }
                SystemClock.sleep(nanoseconds: 1_000_000)
                handle.value?.cancel()
            }
        }
        #expect(handle.value?.isCancelled == true)
        #expect(log.stats().followers == 0)
        try log.shutdown()
        #expect(disk.openHandles == 0)
    }
}
