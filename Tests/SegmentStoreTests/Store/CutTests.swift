import SegmentStore
import Testing
import WalSimulation

/// truncate(after:) of the store.
@Suite struct CutTests {
    /// Segments of some frames; each frame holds three events.
    private static func log(
        _ disk: SimulatedDisk, frames: Int = 12, seals: Bool = true, options: StoreOptions = StoreHarness.smallSegments
    ) throws -> (StoreHarness, [UInt64: [UInt8]]) {
        let log = try StoreHarness(disk, options: options)
        var events: [UInt64: [UInt8]] = [:]
        for frame in 0..<UInt64(frames) {
            let group = (1...3).map { StoreSample.event(frame * 3 + $0, size: 900) }
            for (index, event) in group.enumerated() { events[frame * 3 + UInt64(index) + 1] = event }
            try log.append(group)
            if seals { try log.maintain() }
        }
        return (log, events)
    }

    @Test func `Every cut leaves just the events up to it, now, after reopening, and after new ones`() throws {
        let last: UInt64 = 36
        for cut in 0...last {
            let disk = SimulatedDisk()
            var (log, events) = try Self.log(disk, seals: cut % 2 == 0)
            try log.store.truncate(after: cut)
            events = events.filter { $0.key <= cut }
            #expect(log.store.writtenLSN == cut && log.store.durableLSN == cut && log.store.firstLSN == 1)
            #expect(try log.contents() == events)
            #expect(try log.store.verify(progress: nil).findings.isEmpty)
            let fresh = [UInt8](repeating: 9, count: 500)
            try log.append([fresh, fresh])
            events[cut + 1] = fresh
            events[cut + 2] = fresh
            #expect(try log.contents() == events)
            try log.store.sync()
            #expect(log.store.durableLSN == cut + 2)
            if cut % 3 == 0 { try log.store.closeCleanly() } else { try log.store.abandon() }
            let again = try StoreHarness(disk, seed: 2)
            #expect(try again.contents() == events)
            #expect(again.store.report.outcome == (cut % 3 == 0 ? .clean : .unclean))
            #expect(again.store.report.quarantined.isEmpty)
            for _ in 0..<20 { try again.append([fresh]) }
            try again.maintain()
            #expect(try again.store.verify(progress: nil).findings.isEmpty)
            try again.store.closeCleanly()
            #expect(disk.openHandles == 0)
        }
    }

    @Test func `Two cuts that go by while the segments are listed are no missing file`() throws {
        let storage = MeddlingStorage(SimulatedDisk().storage.implementation)
        let log = try StoreHarness(storage: storage)
        for _ in 0..<40 { try log.append([StoreSample.event(1, size: 900)]) }
        let store = log.store
        let bases = try store.segments().map(\.firstLSN.rawValue)
        let last = try #require(bases.last)
        #expect(bases.count >= 3)
        storage.beforeOpening {
            // The first puts another file in the place of the newest segment's, the second removes that.
            try? store.truncate(after: last)
            try? store.truncate(after: 2)
        }
        #expect(try store.segments().map(\.firstLSN) == [1])
        #expect(store.writtenLSN == 2)
        try store.closeCleanly()
    }

    @Test func `A cut through the events that were truncated before empties the log`() throws {
        for first in UInt64(1)...20 {
            let disk = SimulatedDisk()
            let (log, _) = try Self.log(disk)
            try log.store.truncate(before: first)
            try log.store.truncate(after: first - 1)
            #expect(log.store.firstLSN == first && log.store.writtenLSN == first - 1)
            #expect(try log.contents().isEmpty)
            if first > 1 { #expect(refuses(.truncated) { try log.store.truncate(after: first - 2) }) }
            try log.store.abandon()
            let again = try StoreHarness(disk, seed: 2)
            #expect(again.store.firstLSN == first && again.store.writtenLSN == first - 1)
            try again.append([[1, 2, 3]])
            #expect(try again.contents() == [first: [1, 2, 3]])
            #expect(try again.store.verify(progress: nil).findings.isEmpty)
            try again.store.closeCleanly()
            #expect(disk.openHandles == 0)
        }
    }

    @Test func `An LSN outside of the log is refused, and the newest cuts nothing`() throws {
        let disk = SimulatedDisk()
        let (log, events) = try Self.log(disk)
        let before = try log.store.position(of: 36)
        try log.store.truncate(after: 36)
        #expect(try log.store.position(of: 36) == before)
        #expect(refuses(.notYetWritten) { try log.store.truncate(after: 37) })
        try log.store.truncate(before: 10)
        #expect(refuses(.truncated) { try log.store.truncate(after: 8) })
        #expect(try log.contents() == events.filter { $0.key >= 10 })
    }

    @Test func `An emptied segment takes what the log takes, whatever its size was`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk, frames: 2)
        try log.store.closeCleanly()
        var options = StoreHarness.smallSegments
        options.segmentSize = 64 << 10
        let larger = try StoreHarness(disk, options: options, seed: 2)
        try larger.store.truncate(after: 0)
        try larger.append([[UInt8](repeating: 1, count: 40_000)])
        #expect(try larger.contents().count == 1)
        try larger.store.closeCleanly()
    }

    @Test func `A cut keeps the salt of no segment it goes through`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk, frames: 3)
        func salt() throws -> UInt64 {
            let headers = HeaderReader(storage: disk.backend, directory: StoreHarness.directory)
            guard case .intact(let header) = try headers.read(FileNames.segment(base: 1), identity: nil) else {
                return 0
            }
            return header.salt
        }
        let before = try salt()
        try log.store.truncate(after: 4)
        #expect(try salt() != before)
    }

    @Test func `A full disk leaves the log as it was`() throws {
        let disk = SimulatedDisk()
        let (log, events) = try Self.log(disk)
        // Not even without the spare.
        disk.capacity = disk.usedBytes / 2
        #expect(refuses(.diskFull) { try log.store.truncate(after: 20) })
        #expect(log.store.failure == nil)
        #expect(try log.contents() == events)
        disk.capacity = nil
        try log.store.truncate(after: 20)
        #expect(log.store.writtenLSN == 20)
    }

    @Test func `What a cut keeps and can't be read is an error, and nothing is changed`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk, frames: 3)
        try log.store.sync()
        disk.corrupt(StoreSample.path(base: 1), at: Layout.blockSize + 200, xor: 1)
        #expect(refuses(.corrupted) { try log.store.truncate(after: 5) })
        #expect(log.store.failure == nil && log.store.writtenLSN == 9)
        #expect(try !disk.backend.list(StoreHarness.directory).contains { $0.hasSuffix(".seg.tmp") })
    }

    // MARK: Readers

    @Test(arguments: [ReadAccess.mapped, .read])
    func `A cursor goes on up to the cut, and is stale behind it`(access: ReadAccess) throws {
        for cut in UInt64(0)...36 {
            for read in stride(from: UInt64(0), through: 36, by: 5) {
                let disk = SimulatedDisk()
                let (log, events) = try Self.log(disk)
                var cursor = try log.store.cursor(from: 1, through: .max, access: access)
                var run: RecordRun?
                var given: UInt64 = 0
                while given < read {
                    if run?.isEmpty ?? true { run = try cursor.nextRun(after: run) }
                    given = run?.next()?.lsn ?? .max
                }
                try log.store.truncate(after: cut)
                for _ in 0..<12 { try log.append((0..<3).map { _ in [UInt8](repeating: 1, count: 900) }) }
                do throws(WalError) {
                    while true {
                        if run?.isEmpty ?? true {
                            guard let next = try cursor.nextRun(after: run) else { break }
                            run = next
                        }
                        guard var rest = run else { break }
                        let next = rest.nextLSN
                        let mayGive = try cursor.mayGive(next, before: &rest)
                        run = rest
                        guard mayGive else { continue }
                        guard let view = run?.next() else { break }
                        given = view.lsn
                        #expect(given <= cut && Array(view.payload) == events[given])
                    }
                    #expect(read <= cut && given == cut)
                } catch {
                    #expect(error.code == .stalePosition && read > cut, "cut \(cut) read \(read): \(error)")
                }
            }
        }
    }

    // MARK: Positions

    @Test func `A position is valid until its event is cut off`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk)
        let positions = try (UInt64(0)...36).map { try log.store.position(of: $0) }
        #expect(positions[0] == .start)
        for position in positions { try log.store.check(position) }
        try log.store.truncate(after: 17)
        for position in positions[..<18] { try log.store.check(position) }
        for position in positions[18...] {
            #expect(refuses(.stalePosition) { try log.store.check(position) })
        }
        for _ in 0..<20 { try log.append([StoreSample.event(1, size: 900)]) }
        for position in positions[..<18] { try log.store.check(position) }
        for position in positions[18...] {
            #expect(refuses(.stalePosition) { try log.store.check(position) })
            #expect(refuses(.stalePosition) { _ = try log.store.cursor(after: position, through: .max) })
        }
        #expect(refuses(.notYetWritten) { _ = try log.store.position(of: 38) })
        try log.store.closeCleanly()
        let again = try StoreHarness(disk, seed: 5)
        for position in positions[..<18] { try again.store.check(position) }
        for position in positions[18...] {
            #expect(refuses(.stalePosition) { try again.store.check(position) })
        }
    }

    @Test func `Of the event before the first the epoch alone is known`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk)
        let position = try log.store.position(of: 9)
        try log.store.truncate(before: 10)
        #expect(try log.store.position(of: 9) == Position(lsn: 9, epoch: position.epoch, incarnation: 0))
        try log.store.check(position)
        var other = position
        other.epoch += 1
        #expect(refuses(.stalePosition) { try log.store.check(other) })
        #expect(refuses(.truncated) { try log.store.check(Position(lsn: 8, epoch: 1, incarnation: 1)) })
        try log.store.check(.start)
        try log.store.closeCleanly()
        let again = try StoreHarness(disk, seed: 5)
        try again.store.check(position)
    }

    @Test func `Two copies of a log that were both written to are told apart`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk)
        try log.store.closeCleanly()
        let copies = try [3, 4].map { seed in
            try StoreHarness(SimulatedDisk(startingFrom: disk), seed: UInt64(seed))
        }
        for copy in copies { try copy.append([[1]]) }
        let position = try copies[0].store.position(of: 37)
        try copies[0].store.check(position)
        #expect(refuses(.stalePosition) { try copies[1].store.check(position) })
        try copies[1].store.check(try copies[0].store.position(of: 36))
    }

    // MARK: Beside a reader of another process

    @Test func `A log opened for reading hears of a cut, and its old readers are stale`() throws {
        let disk = SimulatedDisk()
        let (log, _) = try Self.log(disk)
        try log.store.sync()
        let reading = try StoreSample.open(disk) { $0.readOnly = true }
        var beyond = try reading.store.cursor(from: 1, through: .max, access: .read)
        while let view = try beyond.next(), view.lsn < 33 {}
        var below = try reading.store.cursor(from: 1, through: .max, access: .read)
        _ = try below.next()
        let position = try reading.store.position(of: 36)
        try log.store.truncate(after: 20)
        try log.append([[7], [8]])
        #expect(try reading.store.refresh())
        #expect(reading.store.writtenLSN == 22)
        #expect(refuses(.stalePosition) { while try beyond.next() != nil {} })
        var last: UInt64 = 1
        while let view = try below.next() { last = view.lsn }
        #expect(last == 22)
        #expect(refuses(.stalePosition) { try reading.store.check(position) })
        #expect(try reading.contents() == log.contents())
        #expect(try reading.store.verify(progress: nil).isIntact)
    }

    @Test func `Readers of another process that meet a cut unawares end with an error, never with a wrong event`()
        throws
    {
        for cut in stride(from: UInt64(0), to: 36, by: 3) {
            let disk = SimulatedDisk()
            let (log, events) = try Self.log(disk)
            try log.store.sync()
            let reading = try StoreSample.open(disk) { $0.readOnly = true }
            var cursor = try reading.store.cursor(from: 1, through: .max, access: .read)
            for _ in 0..<20 { _ = try cursor.next() }
            try log.store.truncate(after: cut)
            for _ in 0..<20 { try log.append([StoreSample.event(1000, size: 800)]) }
            var last: UInt64 = 20
            do throws(WalError) {
                while let view = try cursor.next() {
                    let payload = Array(view.payload)
                    // Up to the cut the old events; behind it all old ones, or, if none was given, all new ones.
                    #expect(payload == events[view.lsn] || (cut >= 20 && payload.count == 800))
                    last = view.lsn
                }
            } catch {
                #expect(error.code == .stalePosition || last == 36, "\(cut): \(error)")
            }
        }
    }
}
