import SegmentStore
import WalSimulation

extension FuzzTarget {
    /// Inputs to begin with: the files of the samples as they are, and short histories.
    package func seeds() throws -> [[UInt8]] {
        let all = Mending(rawValue: 0x7F).rawValue
        switch self {
        case .segment:
            return try [UInt8(0), 1, 4, 8, 9].flatMap { choice in
                let bytes = try content(
                    Int(choice & 3), FileNames.segment(base: [1, 7, 13][Int(choice >> 2)]))
                return [[choice, 0] + bytes, [choice, all] + bytes]
            }
        case .superblock:
            return try (0..<5).flatMap { sample in
                let bytes = try content(sample, FileNames.superblock)
                return [[UInt8(sample)] + bytes, [UInt8(sample | 24)] + bytes.prefix(256)]
            }
        case .checkpoint:
            let bytes = try content(1, FileNames.checkpoints + "/" + FileNames.checkpoint("a"))
            return [[4] + bytes, [7] + bytes]
        case .compressed:
            return try [UInt8(0), 1, 2].map {
                [$0] + (try content(4, FileNames.compressedSegment(base: $0 > 1 ? 7 : 1)))
            }
        case .directory:
            return [[0, 0], [4, 0, 8, 0, 0, 0, 0, 0, 0, all]]
                + (0..<9).map { [$0 % 5, 0, $0, 2, 0, 0, 0, 0, 0, 200, 1, 2, 3, 4, 8, 2, 0, 0, 0, 0, 0, all] }
        case .damage:
            return (0..<5).map { [$0, 0, 2, 0, 50 * $0, 16, 0, 0, 1 << $0] }
        case .operations:
            return [
                [0, 0, 3, 10, 20, 250, 3, 4, 5, 5, 5, 9, 0, 1, 7, 10, 11, 2],
                [1] + (0..<8).flatMap { [0, 3, 255, 254, 253, 252, 4, 5, 5, $0] } + [12, 7, 40, 0, 8, 5, 0, 9, 14, 1],
                [2, 0, 1, 9, 9, 3, 13, 1, 0, 3, 0, 2, 1, 1, 1, 11, 0, 13, 0, 0, 0, 8, 0, 0, 15, 0, 0],
            ]
        }
    }

    private func content(_ sample: Int, _ name: String) throws -> [UInt8] {
        guard let bytes = try SampleLog[sample].disk.contents(of: SampleLog.path(name)) else {
            throw Violation("the sample has no file \(name)")
        }
        // Room that was set aside says nothing.
        return Array(bytes.prefix((bytes.lastIndex { $0 != 0 } ?? 0) + 1))
    }
}
