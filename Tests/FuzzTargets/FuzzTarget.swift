import SegmentStore
import WalSimulation

/// What the fuzzer can be pointed at. Each takes any input and throws a `Violation` if a promise was broken.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// The content of a segment file.
    case segment
    /// The content of the file LOG.
    case superblock
    /// The content of a checkpoint's file.
    case checkpoint
    /// The content of a compressed segment.
    case compressed
    /// Changes of any kind to the files of a whole log.
    case directory
    /// Flipped bits anywhere in a whole log: no wrong byte may come through.
    case damage
    /// Operations of a log, its files intact, against a model in memory.
    case operations

    /// An input beyond this takes time and finds nothing that a shorter one doesn't.
    package var inputBytesMax: Int {
        switch self {
        case .segment: 20 << 10
        case .superblock, .checkpoint, .compressed: 10 << 10
        case .directory, .operations: 2 << 10
        case .damage: 256
        }
    }

    package func run(_ input: [UInt8]) throws {
        var reader = InputReader(input)
        switch self {
        case .segment: try Self.segment(&reader)
        case .superblock: try Self.superblock(&reader)
        case .checkpoint: try Self.checkpoint(&reader)
        case .compressed: try Self.compressed(&reader)
        case .directory: try Self.directory(&reader)
        case .damage: try Self.damage(&reader)
        case .operations:
            var history = try OperationHistory()
            try history.run(&reader)
        }
    }

    private static func segment(_ reader: inout InputReader) throws {
        let choice = reader.byte()
        let mending = Mending(rawValue: reader.byte())
        let (sample, base) = (try SampleLog[Int(choice & 3) % 3], segmentBases[Int(choice >> 2) % 3])
        var bytes = reader.remainder()
        mending.segment(&bytes)
        try survey(sample, FileNames.segment(base: base), bytes)
    }

    private static func superblock(_ reader: inout InputReader) throws {
        let choice = reader.byte()
        let sample = try SampleLog[Int(choice & 7)]
        var bytes = reader.remainder()
        if choice & 8 != 0 {
            // Both slots say the same.
            bytes = Array(bytes.prefix(Layout.blockSize))
            bytes += [UInt8](repeating: 0, count: Layout.blockSize - bytes.count)
            bytes += bytes
        }
        if choice & 16 != 0 {
            Mending.header.block(&bytes)
            Mending.header.block(&bytes, at: Layout.blockSize)
        }
        try survey(sample, FileNames.superblock, bytes)
    }

    private static func checkpoint(_ reader: inout InputReader) throws {
        let choice = reader.byte()
        var bytes = reader.remainder()
        Mending(rawValue: choice & 3).checkpoint(&bytes)
        try survey(try SampleLog[Int(choice >> 2)], FileNames.checkpoints + "/" + FileNames.checkpoint("a"), bytes)
    }

    private static func compressed(_ reader: inout InputReader) throws {
        let choice = Int(reader.byte())
        // Of a log in whose place for it there is a compressed segment, or a raw one beside it.
        let sample = try SampleLog[choice & 1 == 0 ? 4 : 1]
        try survey(sample, FileNames.compressedSegment(base: segmentBases[choice >> 1 & 1]), reader.remainder())
    }

    /// The first LSNs of the sample's segments.
    private static let segmentBases: [UInt64] = [1, 7, 13]

    private static func survey(_ sample: SampleLog, _ name: String, _ bytes: [UInt8]) throws {
        let disk = SimulatedDisk(startingFrom: sample.disk)
        disk.replaceContents(of: SampleLog.path(name), with: bytes)
        try Survey(disk: disk).run()
    }

    private static func directory(_ reader: inout InputReader) throws {
        let disk = SimulatedDisk(startingFrom: try SampleLog[reader.number(below: 5)].disk)
        var editor = DirectoryEditor(disk: disk)
        editor.run(&reader)
        try Survey(disk: disk).run()
    }

    private static func damage(_ reader: inout InputReader) throws {
        let sample = try SampleLog[reader.number(below: 5)]
        let disk = SimulatedDisk(startingFrom: sample.disk)
        DirectoryEditor(disk: disk).flipBits(&reader)
        try Survey(disk: disk, allowed: sample.events).run()
    }
}
