import Foundation
import SegmentStore
import Testing
import WalSimulation

/// Every byte of every file of small logs, one at a time, in three ways.
@Suite("Bit rot: never a wrong byte, never a silent loss, and every damage is named")
struct BitRotTests {
    struct Place: Sendable, CustomStringConvertible {
        var kind: RotSample.Kind
        var path: String
        var pattern: RotPattern
        var description: String { "\(kind), \(path.split(separator: "/").last ?? ""), \(pattern)" }
    }

    static let places: [Place] = RotSample.Kind.allCases.flatMap { kind in
        (RotSample.all[kind]?.paths ?? []).flatMap { path in
            RotPattern.allCases.map { Place(kind: kind, path: path, pattern: $0) }
        }
    }

    /// `WAL_ROT=all` takes every byte; else of the zeros that fill headers and room set aside one in sixteen does.
    private static let isComplete = ProcessInfo.processInfo.environment["WAL_ROT"] == "all"

    private static func isDue(_ byte: UInt8, at offset: Int, _ pattern: RotPattern) -> Bool {
        byte != 0 || isComplete || offset % 16 == pattern.rawValue.utf8.count
    }

    /// What was seen of the bytes of a file.
    private struct Count {
        var refused = 0
        var lost = 0
        var reported = 0
        var unnoticed = 0
        var sum: Int { refused + lost + reported + unnoticed }
    }

    @Test func `There is a sample of each kind`() {
        #expect(RotSample.all.count == RotSample.Kind.allCases.count)
        let paths = RotSample.all.values.flatMap(\.paths)
        for part in [FileNames.superblock, "/\(FileNames.checkpoints)/", ".seg", ".zst"] {
            #expect(paths.contains { $0.contains(part) })
        }
    }

    @Test(arguments: places)
    func `No byte that rots gives wrong events or hides what is lost`(_ place: Place) throws {
        let sample = try #require(RotSample.all[place.kind])
        let bytes = try #require(sample.disk.contents(of: place.path))
        var count = Count()
        for offset in bytes.indices where Self.isDue(bytes[offset], at: offset, place.pattern) {
            let mask = place.pattern.mask(bytes[offset], at: offset)
            let note = "\(place) at \(offset), mask \(mask), WAL_SEED=\(testSeed)"
            func rotten() -> SimulatedDisk {
                let disk = SimulatedDisk(startingFrom: sample.disk)
                disk.corrupt(place.path, at: offset, xor: mask)
                return disk
            }
            try check(sample, rotten, place.path, note, &count)
        }
        print("rot, \(place): \(count.sum) of \(bytes.count) bytes, \(count)")
    }

    private func check(
        _ sample: RotSample, _ rotten: () -> SimulatedDisk, _ path: String, _ note: String, _ count: inout Count
    ) throws {
        let disk = rotten()
        let reading: StoreHarness
        do {
            reading = try StoreSample.open(disk) {
                $0.readOnly = true
                $0.readAccess = .read
            }
        } catch let error as WalError {
            count.refused += 1
            return try checkRefusal(error, sample, rotten, path, note)
        }
        let (events, named) = try readOnAndOn(reading.store, sample, note)
        let missing = sample.events.keys.filter { events[$0] == nil && $0 <= sample.vouchedLSN }
        #expect(missing.allSatisfy(named.contains), "\(note): \(missing.sorted()) lost, named \(named.sorted())")
        try checkReport(reading.store, missing, path, note, &count)
        try checkCheckpoints(reading.store, sample, note)
        // A writable open of the same: what it repairs, it repairs right.
        let writing = try StoreSample.open(disk)
        let again = try readOnAndOn(writing.store, sample, note).events
        #expect(again == events, "\(note)")
        try writing.store.abandon()
    }

    /// Reads all there is, going on behind each error with what comes after the LSNs it names.
    private func readOnAndOn(
        _ store: LogStore, _ sample: RotSample, _ note: String
    ) throws -> (events: [UInt64: [UInt8]], named: Set<UInt64>) {
        var events: [UInt64: [UInt8]] = [:]
        var named: Set<UInt64> = []
        var next = store.firstLSN
        while next <= store.writtenLSN {
            let outcome = ReadOutcome(store, from: next)
            for (lsn, event) in outcome.events {
                #expect(sample.events[lsn] == event, "\(note): LSN \(lsn) has wrong bytes")
            }
            events.merge(outcome.events) { first, _ in first }
            guard let error = outcome.error else { break }
            let lsns = try #require(error.lsns, "\(note): \(error)")
            #expect(error.path != nil, "\(note): \(error)")
            for lsn in lsns.lowerBound.rawValue...min(lsns.upperBound.rawValue, store.writtenLSN) { named.insert(lsn) }
            // An error may name events before the place where reading began: it must get on all the same.
            next = max(next + 1, lsns.upperBound.rawValue + 1)
        }
        return (events, named)
    }

    private func checkReport(
        _ store: LogStore, _ missing: [UInt64], _ path: String, _ note: String, _ count: inout Count
    ) throws {
        let report = try store.verify(progress: nil)
        if missing.isEmpty {
            if report.findings.isEmpty { count.unnoticed += 1 } else { count.reported += 1 }
        } else {
            count.lost += 1
            let named = report.findings.filter { $0.kind == .corruption }.compactMap(\.error.lsns)
            let isNamed = missing.allSatisfy { lsn in named.contains { $0.contains(LSN(lsn)) } }
            #expect(isNamed, "\(note): \(report.findings)")
        }
        #expect(report.findings.allSatisfy { [path, store.directory].contains($0.error.path) }, "\(note): \(report)")
        // Behind the last frame there is room set aside; in a compressed file there are bits that zstd has no use for; and of a
        // log that was killed nothing says yet that its newest segments are sealed, so that their footers are not missed.
        let isCovered =
            !path.contains(".zst") && !path.hasSuffix(FileNames.segment(base: 11))
            && !(path.contains(".seg") && store.report.outcome != .clean)
        #expect(!isCovered || !report.findings.isEmpty, "\(note): nothing was noticed")
    }

    private func checkCheckpoints(_ store: LogStore, _ sample: RotSample, _ note: String) throws {
        for (name, saved) in sample.checkpoints {
            do throws(WalError) {
                #expect(try store.checkpoint(name) == saved, "\(note): the checkpoint \(name) is wrong")
            } catch {
                #expect(error.path?.contains(name) == true, "\(note): \(error)")
                let info = try store.checkpoints().first { $0.name == name }
                #expect(info == nil || info?.damage != nil || info?.position == saved.position, "\(note)")
            }
        }
    }

    /// An open that is refused changes nothing and says which events are concerned; all others can still be had.
    private func checkRefusal(
        _ error: WalError, _ sample: RotSample, _ rotten: () -> SimulatedDisk, _ path: String, _ note: String
    ) throws {
        #expect(error.code == .corrupted && error.path == path, "\(note): \(error)")
        #expect(error.lsns != nil, "\(note): \(error)")
        let disk = rotten()
        #expect(StoreSample.failureOfOpen(disk)?.code == error.code, "\(note)")
        #expect(disk.fingerprint() == rotten().fingerprint() && disk.openHandles == 0, "\(note)")
        var events: [UInt64: [UInt8]] = [:]
        var missing = Set(1...sample.vouchedLSN)
        var end: UInt64?
        var salvage = Salvage(storage: disk.backend, directory: StoreHarness.directory)
        try salvage.run { view in
            events[view.lsn] = Array(view.payload)
            missing.remove(view.lsn)
            end = nil
            return true
        } hole: { error in
            let lsns = try #require(error.lsns, "\(note): \(error)")
            end = lsns.upperBound.rawValue
            missing.subtract(lsns.lowerBound.rawValue...lsns.upperBound.rawValue)
            return true
        }
        #expect(events.allSatisfy { sample.events[$0] == $1 }, "\(note)")
        // How far the events went behind the last hole, nothing that is whole may tell.
        if let end { missing = missing.filter { $0 <= end } }
        #expect(missing.isEmpty, "\(note): \(missing.sorted()) were neither given out nor named")
    }
}
