import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// The survey finds the same behind a hole, inside of a page of data or at the edge of one, as where it reads every byte.
@Suite("Survey of what lies behind the end")
struct TailSurveyTests {
    private static let size = 3 << 20
    private let sample = FramesFile()

    /// Zeros with a frame or footer at each of the offsets.
    private func bytes(frames: [Int], footers: [Int] = [], spots: [Int] = []) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        for (number, offset) in frames.enumerated() {
            var frame = sample.frame(number)
            frame.watermark = UInt64(100 + offset)
            frame.firstLSN = frame.watermark + 1
            let encoded = FramesFile.encode(
                frame, body: [UInt8](repeating: 7, count: 60), salt: sample.header.salt, offset: offset)
            bytes.replaceSubrange(offset..<offset + encoded.count, with: encoded)
        }
        for offset in footers {
            var footer = FormatSamples.footer
            footer.identity = sample.header.identity
            footer.salt = sample.header.salt
            footer.summary.lastLSN = UInt64(100 + offset)
            let encoded = footer.encode(offset: UInt64(offset)).bytes
            bytes.replaceSubrange(offset..<offset + encoded.count, with: encoded)
        }
        for spot in spots { bytes[spot] = 0xAA }
        return bytes
    }

    private func survey(_ file: any StorageFile, from offset: Int = 8192) throws -> TailSurvey {
        var survey = TailSurvey(sample.header.identity)
        try survey.run(file, salt: sample.header.salt, from: UInt64(offset))
        return survey
    }

    private func expectSame(_ one: TailSurvey, _ other: TailSurvey, _ note: String) {
        #expect(one.claimed == other.claimed, "\(note)")
        #expect(one.end == other.end, "\(note)")
        #expect(one.hasFrame == other.hasFrame, "\(note)")
        #expect(one.firstFrame?.offset == other.firstFrame?.offset, "\(note)")
        #expect(one.firstFrame?.lsn == other.firstFrame?.lsn, "\(note)")
    }

    @Test func aFrameBehindAHoleIsFoundAndTheHoleIsNotRead() throws {
        let directory = try TemporaryDirectory()
        let frame = 2 << 20
        let file = try PosixStorage().create(directory.file("a"))
        try file.allocate(UInt64(Self.size))
        try file.write(at: 0, sample.bytes)
        let encoded = bytes(frames: [frame])[frame..<frame + 128]
        try file.write(at: UInt64(frame), Array(encoded))
        for isSynced in [false, true] {
            if isSynced { try file.sync() }
            let found = try survey(file, from: 16 << 10)
            #expect(found.hasFrame && found.claimed == UInt64(100 + frame), "synced: \(isSynced)")
            #expect(found.firstFrame?.offset == UInt64(frame))
            #expect(found.end == UInt64(frame + 128))
        }
        // A file system that can't tell of holes has the whole of it read.
        if try file.nextData(at: 1 << 20)?.lowerBound == UInt64(frame) {
            #expect(try survey(file, from: 16 << 10).bytesRead < UInt64(frame))
        }
    }

    @Test func whatWasAHoleBeforeReadingStaysOneAndWhatIsNewCounts() throws {
        let directory = try TemporaryDirectory()
        let file = try PosixStorage().create(directory.file("a"))
        try file.allocate(UInt64(Self.size))
        try file.write(at: 0, sample.bytes)
        try file.sync()
        let known = try DataRanges(file, from: 4096)
        // The system reads ahead, and some file systems call that data.
        _ = try file.readBlock(at: 0, size: 1 << 20)
        var survey = TailSurvey(sample.header.identity)
        try survey.run(file, salt: sample.header.salt, from: 16 << 10, data: known)
        #expect(survey.end == nil)
        if try file.nextData(at: 2 << 20) == nil { #expect(survey.bytesRead == 0) }
        // A file that has grown since is looked at where it has.
        let encoded = bytes(frames: [4096])[4096..<4096 + 128]
        try file.write(at: UInt64(Self.size), Array(encoded))
        var later = TailSurvey(sample.header.identity)
        try later.run(file, salt: sample.header.salt, from: 16 << 10, data: known)
        #expect(later.end == UInt64(Self.size + 128))
    }

    @Test func whateverIsCalledAHoleTheSameIsFound() throws {
        var random = SeededGenerator(seed: 11)
        let disk = SimulatedDisk()
        for round in 0..<15 {
            // Also across the chunks in which a file is read, and up to its end.
            let frames = [
                8192 + 8 * Int.random(in: 0..<1000, using: &random), (256 << 10) * 5 + 8192 - 64,
                (1 << 20) + 8 * Int.random(in: 0..<100_000, using: &random),
            ].shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random))
            let footers = [Self.size - Layout.footerSize, 2_500_000].prefix(Int.random(in: 0...2, using: &random))
            let spots = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                Int.random(in: 2_600_000..<Self.size - 512, using: &random)
            }
            let bytes = bytes(frames: Array(frames), footers: Array(footers), spots: spots)
            disk.replaceContents(of: "/segment", with: bytes)
            let file = try disk.backend.open("/segment", .readOnly)
            let expected = try survey(file)
            #expect(expected.hasFrame != frames.isEmpty)
            let nonzero = bytes.indices.filter { bytes[$0] != 0 }
            for grain in [1, 8, 512, 4096, 300_000] {
                let holes = HoleyFile(file, nonzero, grain: grain)
                expectSame(try survey(holes), expected, "round \(round), grain \(grain)")
            }
        }
    }

    @Test func answersThatMakeNoSenseAreNotBelieved() throws {
        let disk = SimulatedDisk()
        disk.replaceContents(of: "/segment", with: bytes(frames: [1 << 20]))
        let file = try disk.backend.open("/segment", .readOnly)
        let expected = try survey(file)
        #expect(expected.hasFrame)
        for answer: Range<UInt64> in [0..<0, 0..<100, 20_000..<20_000] {
            expectSame(try survey(HoleyFile(file, answer: answer)), expected, "\(answer)")
        }
        let grown = HoleyFile(file, answer: UInt64(Self.size) + 5..<UInt64(Self.size) + 9)
        #expect(try survey(grown).bytesRead == 0)
    }

    @Test func aQuestionThatFailsIsAnError() throws {
        let disk = SimulatedDisk()
        disk.replaceContents(of: "/segment", with: bytes(frames: [1 << 20]))
        let plan = FaultPlan()
        plan.add(Fault(operations: [.nextData]))
        let file = try FaultStorage(disk.backend, plan: plan).open("/segment", .readOnly)
        #expect(failure { try survey(file) } == StorageError(.nextData, "/segment", errno: ErrorNumber.io))
    }
}

/// A file that calls its zeros holes, in whole grains.
private final class HoleyFile: StorageFile {
    private let base: any StorageFile
    private let ranges: [Range<UInt64>]
    private let answer: Range<UInt64>?

    /// - Parameter answer: what it says whatever it is asked.
    init(_ base: any StorageFile, _ nonzero: [Int] = [], grain: Int = 1, answer: Range<UInt64>? = nil) {
        self.base = base
        self.answer = answer
        var ranges: [Range<UInt64>] = []
        for index in nonzero {
            let start = UInt64(index / grain * grain)
            if let last = ranges.last, start < last.upperBound { continue }
            ranges.append(start..<start + UInt64(grain))
        }
        self.ranges = ranges
    }

    func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>? {
        if let answer { return answer }
        let index = ranges.firstIndex { $0.upperBound > offset }
        return index.map { max(offset, ranges[$0].lowerBound)..<ranges[$0].upperBound }
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }
    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try base.write(at: offset, bytes)
    }
    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) { try base.sync() }
    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }
    func close() throws(StorageError) { try base.close() }
}
