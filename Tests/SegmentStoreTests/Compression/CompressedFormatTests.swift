import Foundation
import SegmentStore
import Testing
import WalSimulation

/// The files by the standard's own program, and what hostile ones do.
@Suite struct CompressedFormatTests {
    @Test func `The zstd program finds nothing wrong and gives back the sealed segment`() throws {
        let sample = try CompressedSample()
        let directory = try TemporaryDirectory()
        for base in sample.bases {
            let path = directory.file("\(base).seg.zst")
            try Data(sample.disk.contents(of: CompressedSample.path(base: base)) ?? []).write(
                to: URL(fileURLWithPath: path))
            guard let test = try ZstdProgram.run(["-q", "-t", path]) else { return }
            #expect(test.status == 0)
            let unpacked = try #require(try ZstdProgram.run(["-q", "-d", "-c", path]))
            #expect(unpacked.status == 0)
            #expect([UInt8](unpacked.output) == sample.raw.contents(of: StoreSample.path(base: base)))
        }
    }

    @Test func `A trained dictionary is kept in the file, and the zstd program takes it from there`() throws {
        let sample = try CompressedSample(eventsEach: 45, size: 150, dictionary: 1024)
        let log = try StoreSample.open(sample.disk)
        #expect(try log.contents() == sample.events)
        #expect(try log.store.verify(progress: nil).findings.isEmpty)
        let directory = try TemporaryDirectory()
        for base in sample.bases {
            let bytes = try #require(sample.disk.contents(of: CompressedSample.path(base: base)))
            let range = try #require(try sample.table(base: base).dictionary)
            let (path, dictionary) = (directory.file("\(base).seg.zst"), directory.file("\(base).dict"))
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            try Data(bytes[Int(range.lowerBound)..<Int(range.upperBound)]).write(to: URL(fileURLWithPath: dictionary))
            guard let unpacked = try ZstdProgram.run(["-q", "-d", "-c", "-D", dictionary, path]) else { return }
            #expect(unpacked.status == 0)
            #expect([UInt8](unpacked.output) == sample.raw.contents(of: StoreSample.path(base: base)))
        }
    }

    @Test func `A damaged header of the dictionary is reported, and costs no event`() throws {
        let sample = try CompressedSample(eventsEach: 45, size: 150, dictionary: 1024)
        let path = CompressedSample.path(base: sample.bases[1])
        try #require(try sample.table(base: sample.bases[1]).dictionary != nil)
        for bit in 0..<64 {
            let disk = sample.damaged { $0.corrupt(path, at: bit / 8, xor: 1 << UInt8(bit % 8)) }
            let log = try StoreSample.open(disk)
            #expect(try log.contents() == sample.events, "bit \(bit)")
            let report = try log.store.verify(progress: nil)
            #expect(report.isIntact && report.findings.map(\.kind) == [.derivable], "bit \(bit)")
            #expect(report.findings.first?.error.path == path)
        }
    }

    @Test func `Blocks end where the index has an entry, header and footer have blocks of their own`() throws {
        let sample = try CompressedSample()
        for base in sample.bases {
            let table = try sample.table(base: base)
            let raw = try #require(sample.raw.contents(of: StoreSample.path(base: base)))
            #expect(table.blocks.first?.raw == 0..<4096)
            #expect(table.rawSize == UInt64(raw.count))
            for block in table.blocks.dropFirst() {
                // A frame begins there, or the index.
                let start = Int(block.raw.lowerBound)
                let isFrame = raw[start + 4] == 0x5F && raw[start + 5] == 0xA9
                #expect(isFrame || Array(raw[start..<start + 7]) == Array("SWALIDX".utf8))
            }
            for block in table.blocks.dropFirst().dropLast(2) { #expect(block.raw.count >= 4096) }
        }
    }

    @Test func `A flipped bit anywhere gives wrong bytes nowhere, and is reported`() throws {
        let sample = try CompressedSample(segments: 1, eventsEach: 12, size: 900)
        let base = sample.bases[0]
        let path = CompressedSample.path(base: base)
        let count = try #require(sample.disk.contents(of: path)?.count)
        for offset in 0..<count {
            let disk = sample.damaged { $0.corrupt(path, at: offset, xor: UInt8(1 << (offset % 8))) }
            let store: LogStore
            do {
                store = try StoreSample.open(disk).store
            } catch {
                Issue.record("offset \(offset): open failed: \(error)")
                continue
            }
            let outcome = ReadOutcome(store)
            for (lsn, event) in outcome.events { #expect(event == sample.events[lsn], "offset \(offset)") }
            let report = try store.verify(progress: nil)
            if outcome.error == nil {
                #expect(outcome.events == sample.events, "offset \(offset)")
                #expect(report.isIntact, "offset \(offset)")
            } else {
                #expect(outcome.error?.code == .corrupted && outcome.error?.lsns != nil, "offset \(offset)")
                #expect(!report.isIntact, "offset \(offset)")
            }
        }
    }

    @Test func `A damaged or missing seek table is made again from the blocks`() throws {
        let sample = try CompressedSample()
        let path = CompressedSample.path(base: sample.bases[1])
        let bytes = try #require(sample.disk.contents(of: path))
        let table = try sample.table(base: sample.bases[1])
        var damages: [(SimulatedDisk) -> Void] = [
            { $0.replaceContents(of: path, with: Array(bytes.dropLast(5))) },
            { $0.replaceContents(of: path, with: Array(bytes[..<Int(table.fileEnd)])) },
        ]
        for offset in stride(from: Int(table.fileEnd), to: bytes.count, by: 1) {
            damages.append { $0.corrupt(path, at: offset, xor: 0x11) }
        }
        for (number, damage) in damages.enumerated() {
            let log = try StoreSample.open(sample.damaged(damage))
            #expect(try log.contents() == sample.events, "damage \(number)")
            let findings = try log.store.verify(progress: nil).findings
            #expect(findings.map(\.kind) == [.derivable], "damage \(number)")
        }
    }

    @Test func `A damaged block names its events, and reading goes on behind it`() throws {
        let sample = try CompressedSample()
        let base = sample.bases[1]
        let path = CompressedSample.path(base: base)
        let blocks = try sample.table(base: base).blocks
        var covered: Set<UInt64> = []
        for block in blocks.dropFirst().dropLast() {
            let disk = sample.damaged {
                $0.corrupt(path, at: Int(block.file.lowerBound) + block.file.count / 2, xor: 0x55)
            }
            let log = try StoreSample.open(disk)
            let before = ReadOutcome(log.store)
            let error = try #require(before.error)
            #expect(error.code == .corrupted && error.path == path && error.offset == block.raw.lowerBound)
            let lsns = try #require(error.lsns)
            let (first, last) = (lsns.lowerBound.rawValue, lsns.upperBound.rawValue)
            #expect(before.events == sample.events.filter { $0.key < first })
            let behind = ReadOutcome(log.store, from: last + 1)
            #expect(behind.error == nil)
            #expect(behind.events == sample.events.filter { $0.key > last })
            for lsn in first...last {
                #expect(covered.insert(lsn).inserted)
                #expect(ReadOutcome(log.store, from: lsn).error?.lsns == lsns, "from \(lsn)")
            }
            let report = try log.store.verify(progress: nil)
            #expect(report.findings.map(\.kind) == [.corruption] && report.findings.first?.error.lsns == lsns)
            var salvage = Salvage(storage: disk.backend, directory: "/log")
            var salvaged: [UInt64] = []
            var holes: [ClosedRange<LSN>?] = []
            try salvage.run(
                event: { view in
                    salvaged.append(view.lsn)
                    return true
                },
                hole: { hole in
                    holes.append(hole.lsns)
                    return true
                })
            #expect(salvaged == sample.events.keys.filter { $0 < first || $0 > last }.sorted())
            #expect(holes == [lsns])
        }
        #expect(covered.count == 32)
    }

    @Test func `Hostile seek tables neither crash nor allocate`() throws {
        let sample = try CompressedSample(segments: 1)
        let path = CompressedSample.path(base: 1)
        let bytes = try #require(sample.disk.contents(of: path))
        let table = try sample.table(base: 1)
        let start = Int(table.fileEnd)
        for (place, value) in [
            (start + 12, UInt32.max), (start + 8, .max), (bytes.count - 9, .max), (start + 4, .max), (start + 12, 0),
        ] {
            var changed = bytes
            withUnsafeBytes(of: value.littleEndian) { changed.replaceSubrange(place..<place + 4, with: $0) }
            let log = try StoreSample.open(sample.damaged { $0.replaceContents(of: path, with: changed) })
            #expect(try log.contents() == sample.events)
        }
        for length in stride(from: 0, to: bytes.count, by: 7) {
            for tail in [[UInt8](), Array(bytes.suffix(9))] {
                let disk = sample.damaged { $0.replaceContents(of: path, with: Array(bytes[..<length]) + tail) }
                let store = try StoreSample.open(disk).store
                let outcome = ReadOutcome(store)
                for (lsn, event) in outcome.events { #expect(event == sample.events[lsn]) }
                #expect(outcome.error != nil || outcome.events == sample.events)
                _ = try store.verify(progress: nil)
            }
        }
    }
}
