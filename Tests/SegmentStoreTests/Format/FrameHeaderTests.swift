import SegmentStore
import Testing
import WalPlatform
import WalSimulation

@Suite struct FrameHeaderTests {
    @Test func everyFieldOfAFrameHeaderComesBack() throws {
        var frame = FormatSamples.frame
        let bytes = FormatSamples.bytes(of: frame)
        let read = try #require(FormatSamples.frame(in: bytes))
        frame.checksum = read.checksum
        #expect(read == frame)
        #expect(read.checksum != 0)
    }

    @Test func everyFlippedByteOfAFrameHeaderIsNoticed() {
        let bytes = FormatSamples.bytes(of: FormatSamples.frame)
        for offset in bytes.indices {
            for mask in 1...UInt8.max {
                var flipped = bytes
                flipped[offset] ^= mask
                #expect(FormatSamples.frame(in: flipped) == nil, "offset \(offset)")
            }
        }
    }

    @Test func aFrameAtAnotherOffsetOrUnderAnotherSaltIsNoFrame() {
        let bytes = FormatSamples.bytes(of: FormatSamples.frame)
        for offset in stride(from: UInt64(0), to: 65536, by: 8) where offset != 4096 {
            #expect(FormatSamples.frame(in: bytes, seed: FrameHeader.seed(salt: 0x5A17, offset: offset)) == nil)
        }
        for bit in 0..<64 {
            let salt = UInt64(0x5A17) ^ 1 << UInt64(bit)
            #expect(FormatSamples.frame(in: bytes, seed: FrameHeader.seed(salt: salt, offset: 4096)) == nil)
        }
    }

    @Test func zerosAreNoFrameUnderAnySeed() {
        var generator = SeededGenerator(seed: testSeed)
        let zeros = [UInt8](repeating: 0, count: 64)
        for _ in 0..<10_000 {
            #expect(FormatSamples.frame(in: zeros, seed: UInt32(truncatingIfNeeded: generator.next())) == nil)
        }
    }
}

/// A segment of three frames in memory, to be changed and checked.
struct FramesFile {
    var header = FormatSamples.header
    var bytes: [UInt8]
    var offsets: [Int] = []
    let disk = SimulatedDisk()

    init() {
        header.firstLSN = 1
        header.segmentSize = 16 << 10
        header.indexSpacing = 4096
        header.incarnation = 0x1C
        header.epoch = 8
        bytes = header.encode().bytes
        for number in 0..<3 { append(frame(number), body: [UInt8](repeating: UInt8(number + 1), count: 60)) }
        bytes += [UInt8](repeating: 0, count: 16384 - bytes.count)
    }

    private var link: UInt32 = 0

    func frame(_ number: Int) -> FrameHeader {
        FrameHeader(
            bodyLength: 60, eventCount: 1, firstLSN: UInt64(number + 1), watermark: UInt64(number), time: 5,
            incarnation: 0x1C, epoch: 8, link: number == 0 ? header.checksum : link, bodyChecksum: 0)
    }

    mutating func append(_ frame: FrameHeader, body: [UInt8]) {
        offsets.append(bytes.count)
        var encoded = Self.encode(frame, body: body, salt: header.salt, offset: bytes.count)
        link = encoded.withUnsafeMutableBytes { $0.loadUnaligned(as: UInt32.self) }
        bytes += encoded
    }

    static func encode(_ frame: FrameHeader, body: [UInt8], salt: UInt64, offset: Int) -> [UInt8] {
        let padded = body + [UInt8](repeating: 0, count: Layout.aligned(body.count) - body.count)
        let seed = FrameHeader.seed(salt: salt, offset: UInt64(offset))
        var frame = frame
        frame.bodyChecksum = padded.withUnsafeBytes { buffer in
            buffer.baseAddress.map { FrameHeader.bodyChecksum(at: $0, length: body.count, seed: seed) } ?? 0
        }
        return FormatSamples.bytes(of: frame, seed: seed) + padded
    }

    /// Follows the chain and says how it ends: the number of whole frames and the fault.
    func walk(_ bytes: [UInt8], flaws: StoreFlaws = []) throws -> (frames: Int, fault: FrameFault?) {
        disk.replaceContents(of: "/segment", with: bytes)
        let file = try disk.backend.open("/segment", .readOnly)
        let window = ByteWindow(file, limit: min(UInt64(bytes.count), header.framesLimit))
        var chain = FrameChain(header)
        chain.flaws = flaws
        var count = 0
        while true {
            switch try chain.check(window) {
            case .whole(let frame, _):
                chain.accept(frame)
                count += 1
            case .fault(let fault, _): return (count, fault)
            }
        }
    }
}

@Suite struct FrameChainTests {
    @Test func wholeFramesAreFollowedToTheZerosBehindThem() throws {
        let file = FramesFile()
        let end = try file.walk(file.bytes)
        #expect(end.frames == 3)
        #expect(end.fault == .absent)
    }

    @Test func everyFlippedByteEndsTheChainBeforeItsFrame() throws {
        let file = FramesFile()
        let end = (file.offsets.last ?? 0) + 64 + 64
        for offset in Layout.blockSize..<end {
            for mask: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = file.bytes
                bytes[offset] ^= mask
                let number = file.offsets.lastIndex { $0 <= offset } ?? 0
                let found = try file.walk(bytes)
                let isHeader = offset - file.offsets[number] < 64
                #expect(found.frames == number, "offset \(offset)")
                #expect(found.fault == (isHeader ? .header : .body), "offset \(offset)")
            }
        }
    }

    @Test func aFileCutAtAnyLengthEndsWithTheLastWholeFrame() throws {
        let file = FramesFile()
        for length in Layout.blockSize...file.bytes.count - 12_000 {
            let whole = file.offsets.count { $0 + 128 <= length }
            let found = try file.walk(Array(file.bytes[..<length]))
            #expect(found.frames == whole, "length \(length)")
            #expect(found.fault == .absent || found.fault == .length)
        }
    }

    /// Frames with a fault each, in the order in which the checks are made: each also has all the later faults.
    @Test func faultsAreFoundInTheOrderOfTheChecks() throws {
        let template = FramesFile()
        let good = template.frame(3)
        let body = [UInt8](repeating: 9, count: 60)
        func verdict(_ change: (inout FrameHeader) -> Void) throws -> FrameFault? {
            var frame = good
            change(&frame)
            var file = template
            let offset = (file.offsets.last ?? 0) + 128
            let bytes = FramesFile.encode(frame, body: body, salt: file.header.salt, offset: offset)
            file.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            let found = try file.walk(file.bytes)
            #expect(found.frames == (found.fault == .absent ? 4 : 3))
            return found.fault
        }
        let steps: [(FrameFault, (inout FrameHeader) -> Void)] = [
            (.kind, { $0.kind = 3 }), (.length, { $0.bodyLength = 12_000 }), (.lsn, { $0.firstLSN = 9 }),
            (.link, { $0.link ^= 1 }), (.epoch, { $0.epoch = 7 }), (.watermark, { $0.watermark = .max }),
        ]
        #expect(try verdict { _ in } == .absent)
        for (number, (fault, change)) in steps.enumerated() {
            #expect(try verdict(change) == fault)
            let found = try verdict { frame in
                for (_, change) in steps[number...] { change(&frame) }
            }
            #expect(found == fault)
        }
        #expect(try verdict { $0.codec = 1 } == .kind)
        #expect(try verdict { $0.flags = 1 } == .kind)
        #expect(try verdict { $0.eventCount = 0 } == .lsn)
        #expect(try verdict { $0.kind = FrameHeader.Kind.filler } == .lsn)
        #expect(try verdict { $0.incarnation = 9 } == .epoch)
        #expect(try verdict { $0.watermark = 4 } == .watermark)
        #expect(try verdict { $0.bodyLength = Int(UInt32.max) } == .length)
        #expect(
            FrameFault.allCases.map(\.rawValue) == [
                "absent", "header", "kind", "length", "lsn", "link", "epoch", "watermark", "body", "block",
            ])
    }

    /// Each check alone keeps something from passing that no other would.
    @Test(arguments: [
        StoreFlaws.ignoresHeaderChecksum, .ignoresBodyChecksum, .ignoresLink, .ignoresEpoch,
    ])
    func everyCheckIsNeeded(_ flaw: StoreFlaws) throws {
        var file = FramesFile()
        let offset = (file.offsets.last ?? 0) + 128
        var frame = file.frame(3)
        if flaw == .ignoresLink { frame.link ^= 1 }
        if flaw == .ignoresEpoch { frame.epoch = 7 }
        var bytes = FramesFile.encode(
            frame, body: [UInt8](repeating: 9, count: 60), salt: file.header.salt, offset: offset)
        if flaw == .ignoresHeaderChecksum { bytes[33] ^= 1 }
        if flaw == .ignoresBodyChecksum { bytes[70] ^= 1 }
        file.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        #expect(try file.walk(file.bytes).frames == 3)
        #expect(try file.walk(file.bytes, flaws: flaw).frames == 4)
    }

    @Test func aFillerHasNoEventsAndIsSteppedOver() throws {
        var file = FramesFile()
        var filler = file.frame(3)
        filler.kind = FrameHeader.Kind.filler
        filler.eventCount = 0
        let offset = (file.offsets.last ?? 0) + 128
        let bytes = FramesFile.encode(
            filler, body: [UInt8](repeating: 0, count: 60), salt: file.header.salt, offset: offset)
        file.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        #expect(try file.walk(file.bytes).frames == 4)
    }

    @Test func aMisplacedFrameIsNotAccepted() throws {
        let file = FramesFile()
        // The third frame in the place of the second, and the second copied behind the third.
        for (from, to) in [(file.offsets[2], file.offsets[1]), (file.offsets[1], file.offsets[2] + 128)] {
            var bytes = file.bytes
            bytes.replaceSubrange(to..<to + 128, with: file.bytes[from..<from + 128])
            let found = try file.walk(bytes)
            #expect(found.fault == .header)
        }
    }

    @Test func aForgedFrameInsideAPayloadIsNotAcceptedByAScan() throws {
        // The forger knows the whole format, but not the segment's salt.
        let victim = FramesFile()
        let forged = FramesFile.encode(
            victim.frame(2), body: [UInt8](repeating: 6, count: 60), salt: 0, offset: victim.offsets[0] + 64 + 8)
        let disk = SimulatedDisk()
        var header = victim.header
        var bytes = header.encode().bytes
        var outer = victim.frame(0)
        outer.bodyLength = 8 + forged.count
        outer.watermark = 0
        bytes += FramesFile.encode(
            outer, body: [UInt8](repeating: 1, count: 8) + forged, salt: header.salt, offset: bytes.count)
        // Damage in the frame around it, so that the scan looks inside.
        bytes[4096 + 16] ^= 1
        disk.replaceContents(of: "/segment", with: bytes)
        var survey = TailSurvey(victim.header.identity)
        try survey.run(try disk.backend.open("/segment", .readOnly), salt: header.salt, from: 4096)
        #expect(!survey.hasFrame)
        #expect(survey.claimed == 0)
    }
}
