import SegmentStore
import WalSimulation

/// Changes the files of a log as an input says.
struct DirectoryEditor {
    let disk: SimulatedDisk

    /// Numbers at which something ends or overflows.
    private static let edges: [UInt64] = [
        0, 1, 2, 7, 8, 63, 64, 4095, 4096, 4097, 16384, UInt64(UInt32.max), 1 << 31, 1 << 62, 1 << 63, .max - 1, .max,
    ]

    private static let names = [
        "LOG", "LOG.tmp", "next.tmp", "00000000000000000001.seg", "00000000000000000002.seg",
        "00000000000000000007.seg",
        "00000000000000000013.seg", "00000000000000000014.seg", "00000000000000000019.seg", "18446744073709551614.seg",
        "00000000000000000001.seg.zst", "00000000000000000007.seg.zst", "00000000000000000013.seg.zst",
        "00000000000000000007.seg.tmp", "00000000000000000001.seg.zst.tmp", "checkpoints/a.ckpt",
        "checkpoints/b.ckpt", "checkpoints/a.ckpt.tmp", "checkpoints/.ckpt", "quarantine/x", "stranger",
    ]

    mutating func run(_ reader: inout InputReader) {
        var mended: [String: Mending] = [:]
        for _ in 0..<16 where !reader.isEmpty {
            let kind = reader.byte() % 9
            guard let path = file(&reader) else { return }
            var bytes = disk.contents(of: path) ?? []
            let place = bytes.isEmpty ? 0 : Int(reader.number(UInt32.self)) % bytes.count
            switch kind {
            case 0:
                let patch = reader.bytes(Int(reader.byte() % 64) + 1).prefix(bytes.count - place)
                bytes.replaceSubrange(place..<place + patch.count, with: patch)
            case 1: put(Self.edges[reader.number(below: Self.edges.count)], width: 8, at: place & ~7, in: &bytes)
            case 2: put(Self.edges[reader.number(below: Self.edges.count)], width: 4, at: place & ~3, in: &bytes)
            case 3: bytes.removeLast(bytes.count - place)
            case 4: bytes += reader.bytes(Int(reader.byte()))
            case 5:
                try? disk.backend.unlink(path)
                continue
            case 6:
                disk.replaceContents(of: target(&reader), with: bytes)
                continue
            case 7:
                try? disk.backend.rename(path, to: target(&reader))
                continue
            default: mended[path] = Mending(rawValue: reader.byte())
            }
            disk.replaceContents(of: path, with: bytes)
        }
        for (path, mending) in mended.sorted(by: { $0.key < $1.key }) { mend(path, mending) }
    }

    private func put(_ value: UInt64, width: Int, at place: Int, in bytes: inout [UInt8]) {
        for index in 0..<min(width, bytes.count - place) {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
        }
    }

    private func file(_ reader: inout InputReader) -> String? {
        let files = disk.files()
        return files.isEmpty ? nil : files[reader.number(below: files.count)]
    }

    private func target(_ reader: inout InputReader) -> String {
        SampleLog.path(Self.names[reader.number(below: Self.names.count)])
    }

    private func mend(_ path: String, _ mending: Mending) {
        guard var bytes = disk.contents(of: path) else { return }
        if path.hasSuffix(FileNames.segmentSuffix) {
            mending.segment(&bytes)
        } else if path.hasSuffix(FileNames.checkpointSuffix) {
            mending.checkpoint(&bytes)
        } else if path == SampleLog.path(FileNames.superblock) {
            mending.block(&bytes)
            mending.block(&bytes, at: Layout.blockSize)
        }
        disk.replaceContents(of: path, with: bytes)
    }

    /// Flips bits anywhere, as a disk may. The fuzzer sees only what it flips, not the bytes, so it can't mend a checksum.
    func flipBits(_ reader: inout InputReader) {
        for _ in 0..<32 where !reader.isEmpty {
            guard let path = file(&reader), let size = disk.contents(of: path)?.count, size > 0 else { continue }
            let place = Int(reader.number(UInt32.self)) % size
            disk.corrupt(path, at: place, xor: reader.byte())
        }
    }
}
