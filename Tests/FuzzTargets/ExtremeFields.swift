import SegmentStore
import WalSimulation

/// Puts the numbers at which something ends or overflows into every place of the files' structures, with checksums that are right,
/// and has everything done to the log that a `Survey` does: an error is an answer, a trap ends the process.
package enum ExtremeFields: String, CaseIterable, Sendable {
    case superblock, segmentHeader, frame, record, index, footer, checkpoint, seekTable

    /// Of fields of four bytes.
    private static let four: [UInt64] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF]
    /// Of fields of eight bytes, as of two of four.
    private static let eight: [UInt64] = [
        0, 1, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 2, .max - 1, .max,
    ]

    /// One file of one sample, and where in it the structure lies.
    private struct Subject {
        var sample: SampleLog
        var path: String
        var places: [Int]
        /// How far behind a place the structure is once more, which is to say the same.
        var twin: Int?
        var mend: (inout [UInt8]) -> Void
    }

    /// - Parameter violation: hears of a promise that was broken.
    /// - Returns: how many logs were looked at.
    package func run(_ violation: (String) -> Void) throws -> Int {
        var count = 0
        for subject in try subjects() {
            let original = subject.sample.disk.contents(of: subject.path) ?? []
            for place in subject.places {
                let isWide = place % 8 == 0 || self == .record
                for (width, values) in [(4, Self.four), (8, isWide ? Self.eight : [])] {
                    for value in values where place + width <= original.count {
                        var bytes = original
                        Self.put(value, width: width, at: place, in: &bytes)
                        if let twin = subject.twin { Self.put(value, width: width, at: place + twin, in: &bytes) }
                        subject.mend(&bytes)
                        let disk = SimulatedDisk(startingFrom: subject.sample.disk)
                        disk.replaceContents(of: subject.path, with: bytes)
                        do {
                            try Survey(disk: disk).run()
                        } catch {
                            violation("\(subject.path), \(width) bytes at \(place) are \(value): \(error)")
                        }
                        count += 1
                    }
                }
            }
        }
        return count
    }

    private static func put(_ value: UInt64, width: Int, at place: Int, in bytes: inout [UInt8]) {
        for index in 0..<width { bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }

    private func subjects() throws -> [Subject] {
        switch self {
        case .superblock:
            try [0, 2].map { number in
                Subject(
                    sample: try SampleLog[number], path: SampleLog.path(FileNames.superblock),
                    places: Array(stride(from: 16, to: 192, by: 4)), twin: Layout.blockSize
                ) { bytes in
                    Mending.header.block(&bytes)
                    Mending.header.block(&bytes, at: Layout.blockSize)
                }
            }
        case .segmentHeader:
            try [(0, 7), (2, 13)].map { number, base in
                try segment(number, base) { _ in Array(stride(from: 16, to: 176, by: 4)) }
            }
        case .frame:
            try [(0, 13), (2, 13)].map { number, base in
                try segment(number, base) { bytes in
                    let starts = Self.frames(bytes)
                    let chosen = Set([starts.first, starts.last].compactMap { $0 })
                    return chosen.sorted().flatMap { start in
                        Array(stride(from: start + 4, to: start + Layout.frameHeaderSize, by: 4))
                    }
                }
            }
        case .record:
            [
                try segment(2, 13) { bytes in
                    Self.frames(bytes).prefix(2).flatMap { start in
                        (0..<16).map { start + Layout.frameHeaderSize + $0 }
                    }
                }
            ]
        case .index:
            [
                try segment(0, 1) { bytes in
                    let footer = Block(of: bytes[(bytes.count - Layout.footerSize)...])
                    let start = Int(clamping: footer.load(112, as: UInt64.self))
                    return Array(stride(from: start + 8, to: bytes.count - Layout.footerSize, by: 4))
                }
            ]
        case .footer:
            try [1, 7].map { base in
                try segment(0, base) { bytes in
                    Array(stride(from: bytes.count - Layout.footerSize + 16, to: bytes.count, by: 4))
                }
            }
        case .checkpoint:
            [
                Subject(
                    sample: try SampleLog[2],
                    path: SampleLog.path(FileNames.checkpoints + "/" + FileNames.checkpoint("a")),
                    places: Array(stride(from: 16, to: 108, by: 4))
                ) { Mending.header.checkpoint(&$0) }
            ]
        case .seekTable:
            try [3].map { number in
                let path = SampleLog.path(FileNames.compressedSegment(base: 1))
                let sample = try SampleLog[number]
                let size = sample.disk.contents(of: path)?.count ?? 0
                return Subject(sample: sample, path: path, places: Array(max(0, size - 60)..<size)) { _ in }
            }
        }
    }

    private func segment(
        _ number: Int, _ base: UInt64, places: ([UInt8]) -> [Int]
    ) throws -> Subject {
        let sample = try SampleLog[number]
        let path = SampleLog.path(FileNames.segment(base: base))
        guard let bytes = sample.disk.contents(of: path) else { throw Violation("the sample has no segment \(base)") }
        // All but what the place itself is: the footer's own numbers stay as they were put.
        var mending: Mending = [.header, .bodies, .frames, .links, .index, .footer]
        if self != .footer { mending.insert(.footerFacts) }
        return Subject(sample: sample, path: path, places: places(bytes)) { mending.segment(&$0) }
    }

    /// Where the frames begin.
    private static func frames(_ bytes: [UInt8]) -> [Int] {
        var starts: [Int] = []
        var offset = Layout.blockSize
        while offset + Layout.frameHeaderSize <= bytes.count {
            let header = Block(of: bytes[offset..<offset + Layout.frameHeaderSize])
            guard header.load(4, as: UInt16.self) == FrameHeader.magic else { break }
            starts.append(offset)
            offset += Layout.frameSize(bodyLength: Int(header.load(8, as: UInt32.self)))
        }
        return starts
    }
}
