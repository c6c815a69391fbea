import SegmentStore
import Testing
import WalSimulation

@Suite struct SalvageTests {
    private func salvage(_ disk: SimulatedDisk) throws -> (events: [UInt64: [UInt8]], holes: [WalError]) {
        let before = disk.fingerprint()
        var events: [UInt64: [UInt8]] = [:]
        var holes: [WalError] = []
        var last: UInt64 = 0
        var salvage = Salvage(storage: disk.backend, directory: "/log")
        try salvage.run { view in
            #expect(view.lsn > last)
            last = view.lsn
            events[view.lsn] = Array(view.payload)
            return true
        } hole: { error in
            holes.append(error)
            return true
        }
        #expect(disk.fingerprint() == before)
        #expect(disk.openHandles == 0)
        return (events, holes)
    }

    @Test func aHealthyLogIsSalvagedWhole() throws {
        for ending in [StoreSample.Ending.closed, .synced, .unsynced] {
            let sample = try StoreSample(segments: 4, ending: ending)
            let found = try salvage(sample.disk)
            #expect(found.events == sample.events)
            #expect(found.holes.isEmpty)
        }
    }

    @Test func eventsOnBothSidesOfEveryHoleAreGivenAndEachHoleIsReported() throws {
        let sample = try StoreSample(segments: 5, ending: .closed)
        let disk = sample.disk { disk in
            disk.corrupt(StoreSample.path(base: 1), at: 4968, xor: 1)
            disk.corrupt(StoreSample.path(base: 7), at: 4200, xor: 1)
            disk.corrupt(StoreSample.path(base: 10), at: 5736, xor: 1)
        }
        let found = try salvage(disk)
        #expect(found.events == sample.events.filter { ![2, 7, 12].contains($0.key) })
        #expect(found.holes.compactMap(\.lsns) == [2...2, 7...7, 12...12])
        #expect(found.holes.allSatisfy { $0.code == .corrupted && $0.path != nil })
    }

    @Test func damagedHeadersLostFilesAndALostSuperblockDoNotStopASalvage() throws {
        let sample = try StoreSample(segments: 5, ending: .closed)
        let disk = try sample.disk { disk in
            try disk.backend.unlink(StoreSample.path(FileNames.superblock))
            // Damaged headers: the footer of a sealed segment knows the salt.
            disk.corrupt(StoreSample.path(base: 1), at: 82, xor: 0xFF)
            for offset in 0..<4096 { disk.corrupt(StoreSample.path(base: 4), at: offset, xor: 0xA5) }
            try disk.backend.unlink(StoreSample.path(base: 7))
        }
        let found = try salvage(disk)
        #expect(found.events == sample.events.filter { !(7...9).contains($0.key) })
        #expect(found.holes.compactMap(\.lsns) == [7...9])
    }

    @Test func aHoleAtTheEndIsReportedWhereSomethingVouchesForIt() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let disk = sample.disk { $0.corrupt(StoreSample.path(base: 7), at: 5736, xor: 1) }
        let found = try salvage(disk)
        #expect(found.events == sample.events.filter { $0.key < 9 })
        #expect(found.holes.compactMap(\.lsns) == [9...9])
        let missing = try sample.without(StoreSample.path(base: 7))
        #expect(try salvage(missing).holes.compactMap(\.lsns) == [7...9])
        // The header of the last segment is gone, and it has no footer: its events can't be told from noise.
        let headless = sample.disk { $0.corrupt(StoreSample.path(base: 7), at: 82, xor: 1) }
        let rest = try salvage(headless)
        #expect(rest.events == sample.events.filter { $0.key < 7 })
        #expect(rest.holes.compactMap(\.lsns) == [7...9])
    }

    @Test func aSalvageCanBeStoppedAtAnEventAndAtAHole() throws {
        let sample = try StoreSample(segments: 3, ending: .closed)
        let disk = sample.disk { $0.corrupt(StoreSample.path(base: 4), at: 4200, xor: 1) }
        var count = 0
        var salvage = Salvage(storage: disk.backend, directory: "/log")
        try salvage.run { _ in
            count += 1
            return count < 2
        } hole: { _ in
            true
        }
        #expect(count == 2)
        count = 0
        var again = Salvage(storage: disk.backend, directory: "/log")
        try again.run { _ in
            count += 1
            return true
        } hole: { _ in
            false
        }
        #expect(count == 3)
    }
}
