import SegmentStore
import Testing
import WalSimulation

/// Going on behind damage: positions, checkpoints, truncation at both ends, and salvage beside a cut.
@Suite struct BehindDamageTests {
    enum Damage: String, CaseIterable, Sendable {
        case body, header, segmentHeader, missingFile
    }

    /// Three segments of ten events, each in a frame of its own; the log is written in one life, or in three.
    private func log(lives: Int) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        for life in 0..<lives {
            let log = try StoreHarness(disk, seed: UInt64(life + 1))
            let all = (UInt64(1)...30).map { $0 }
            for lsn in all[life * 30 / lives..<(life + 1) * 30 / lives] {
                if lsn % 10 == 1, lsn > 1 { _ = try log.store.rotate() }
                try log.append([StoreSample.event(lsn, size: 400)])
            }
            try log.maintain()
            try log.store.closeCleanly()
        }
        return disk
    }

    /// Where the frame of an event begins.
    private func offset(of lsn: UInt64, _ disk: SimulatedDisk, base: UInt64) throws -> Int {
        let bytes = try #require(disk.contents(of: StoreSample.path(base: base)))
        var offset = Layout.blockSize
        for _ in base..<lsn {
            let length = bytes[(offset + 8)..<(offset + 12)].enumerated().reduce(0) {
                $0 + Int($1.element) << (8 * $1.offset)
            }
            offset += Layout.frameSize(bodyLength: length)
        }
        return offset
    }

    private func damage(_ disk: SimulatedDisk, _ damage: Damage, at lsn: UInt64) throws {
        let base = (lsn - 1) / 10 * 10 + 1
        let path = StoreSample.path(base: base)
        let frame = try offset(of: lsn, disk, base: base)
        switch damage {
        case .body: #expect(disk.corrupt(path, at: frame + Layout.frameHeaderSize + 20, xor: 1))
        case .header: #expect(disk.corrupt(path, at: frame + 30, xor: 1))
        case .segmentHeader: #expect(disk.corrupt(path, at: 50, xor: 1))
        case .missingFile: try disk.backend.unlink(path)
        }
    }

    @Test(arguments: Damage.allCases, [1, 2, 3])
    func `One goes on behind damage`(_ kind: Damage, _ lives: Int) throws {
        let disk = try log(lives: lives)
        let positions = try (UInt64(1)...30).map {
            try StoreSample.open(SimulatedDisk(startingFrom: disk)).position(of: $0)
        }
        // A log with a missing file is not opened.
        if kind != .missingFile { try damage(disk, kind, at: 15) }
        let log = try StoreSample.open(disk)
        if kind == .missingFile { try damage(disk, kind, at: 15) }
        let lost = try #require(ReadOutcome(log.store, from: 15).error?.lsns)
        #expect(lost.contains(15))
        let next = try log.store.firstReadable(from: 15)
        #expect(next == lost.upperBound.rawValue + 1)
        #expect(ReadOutcome(log.store, from: next).error == nil)
        #expect(try log.store.firstReadable(from: 3) == 3)
        #expect(try log.store.firstReadable(from: 31) == 31)
        for lsn in UInt64(1)...30 {
            let position = try log.position(of: lsn)
            try log.store.check(position)
            // What was stored before the damage is still valid.
            try log.store.check(positions[Int(lsn) - 1])
            if lives == 1 || !lost.contains(LSN(lsn)) { #expect(position == positions[Int(lsn) - 1], "LSN \(lsn)") }
            try log.store.setCheckpoint("c", at: position, state: nil)
            #expect(try log.store.resumePoint(of: log.store.checkpoint("c")) == lsn + 1)
            // That of another copy is not.
            let other = Position(lsn: LSN(lsn), epoch: position.epoch, incarnation: position.incarnation ^ 1)
            if lives == 1 { #expect(refuses(.stalePosition) { try log.store.check(other) }) }
            let later = Position(lsn: LSN(lsn), epoch: position.epoch + 100, incarnation: 7)
            #expect(refuses(.stalePosition) { try log.store.check(later) })
        }
        for lsn in [3, 15, 16, next] as [UInt64] where kind != .missingFile {
            let copy = try StoreSample.open(SimulatedDisk(startingFrom: disk))
            try copy.store.truncate(before: lsn)
            #expect(copy.store.firstLSN == lsn)
            try copy.store.check(copy.position(of: lsn - 1))
            try copy.store.closeCleanly()
        }
    }

    @Test func `Damage to the last frame, and to several in a row, can be stepped over`() throws {
        let disk = try log(lives: 1)
        for lsn in [12, 13, 20, 21, 30] as [UInt64] { try damage(disk, .body, at: lsn) }
        let log = try StoreSample.open(disk)
        #expect(try log.store.firstReadable(from: 12) == 14)
        #expect(try log.store.firstReadable(from: 20) == 22)
        #expect(try log.store.firstReadable(from: 30) == 31)
        try log.store.truncate(before: 31)
        #expect(log.store.firstLSN == 31)
        try log.append([[1]])
        #expect(try log.contents() == [31: [1]])
    }

    // MARK: Cutting above damage that concerns nothing

    @Test(arguments: [Damage.body, .header], [5, 14, 16, 20, 25])
    func `Damage below the low mark keeps nothing from being cut, wherever the cut is stopped`(
        _ kind: Damage, _ cut: UInt64
    ) throws {
        let disk = try log(lives: 2)
        let log = try StoreSample.open(disk)
        // In the segment that the cut goes through.
        let low: UInt64 = cut / 10 * 10 + 4
        try log.store.truncate(before: low)
        try damage(disk, kind, at: low - 3)
        try damage(disk, kind, at: low - 1)
        guard cut >= low - 1 else { return }
        disk.startRecording()
        try log.store.truncate(after: cut)
        #expect(log.store.firstLSN == low && log.store.writtenLSN == cut)
        try log.append([[7]])
        try log.store.sync()
        let trace = try #require(disk.stopRecording())
        let expected = Dictionary(
            uniqueKeysWithValues: (low..<max(low, cut + 1)).map { ($0, StoreSample.event($0, size: 400)) })
        #expect(try log.contents() == expected.merging([cut + 1: [7]]) { $1 })
        for steps in 0...trace.count {
            let copy = SimulatedDisk(atStartOf: trace)
            try copy.repeatEvents(0..<steps, of: trace)
            let again = try StoreSample.open(copy)
            let found = try again.contents()
            let isBefore = found.keys.sorted() == Array(low...30)
            #expect(isBefore || found.filter { $0.key <= cut } == expected, "after \(steps) steps")
            if !isBefore { #expect(found.keys.allSatisfy { $0 <= cut + 1 }, "after \(steps) steps") }
            try again.store.closeCleanly()
        }
    }

    @Test func `Damage at or above the low mark still keeps a cut from being made`() throws {
        let disk = try log(lives: 1)
        let log = try StoreSample.open(disk)
        try log.store.truncate(before: 14)
        try damage(disk, .header, at: 14)
        #expect(refuses(.corrupted) { try log.store.truncate(after: 16) })
        #expect(log.store.writtenLSN == 30)
    }

    // MARK: Salvage

    @Test(arguments: [3, 10, 15, 27, 29])
    func `Salvage gives out no event behind a cut that is decided`(_ cut: UInt64) throws {
        let disk = try log(lives: 2)
        let log = try StoreSample.open(disk)
        disk.startRecording()
        try log.store.truncate(after: cut)
        let trace = try #require(disk.stopRecording())
        for steps in 0...trace.count {
            let copy = SimulatedDisk(atStartOf: trace)
            try copy.repeatEvents(0..<steps, of: trace)
            let reading = try StoreSample.open(copy) { $0.readOnly = true }
            var salvage = Salvage(storage: copy.backend, directory: StoreHarness.directory)
            var lsns: [UInt64] = []
            try salvage.run { view in
                lsns.append(view.lsn)
                return true
            } hole: { error in
                Issue.record("after \(steps) steps: \(error)")
                return true
            }
            #expect(lsns == Array(1...reading.store.writtenLSN), "after \(steps) steps")
        }
    }
}
