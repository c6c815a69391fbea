import SegmentStore
import WalSimulation

/// The newest LSN that a superblock, or a header, frame or footer of a segment, compressed or not, with a valid checksum at its
/// own place, says was durable.
struct DurableEvidence: CustomStringConvertible {
    private(set) var newest: UInt64 = 0
    private(set) var description = "nothing"

    init(_ disk: SimulatedDisk) {
        for path in disk.files() where !path.contains("/" + FileNames.quarantine + "/") {
            let content = FileNames.isCompressed(path) ? Self.unpacked(path, disk) : disk.contents(of: path)
            guard let bytes = content, bytes.count >= Layout.blockSize else { continue }
            bytes.withUnsafeBytes { bytes in
                if path.hasSuffix("/" + FileNames.superblock) {
                    readSuperblock(bytes)
                } else if path.hasSuffix(FileNames.segmentSuffix) || FileNames.isCompressed(path) {
                    readSegment(bytes, path)
                }
            }
        }
    }

    private mutating func note(_ lsn: UInt64, _ what: @autoclosure () -> String) {
        guard lsn > newest else { return }
        newest = lsn
        description = what()
    }

    private mutating func readSuperblock(_ bytes: UnsafeRawBufferPointer) {
        for start in [0, Layout.blockSize] where start + Layout.blockSize <= bytes.count {
            let block = Block(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Layout.blockSize]))
            if let superblock = try? Superblock(block) { note(superblock.watermark.lsn, "the superblock at \(start)") }
        }
    }

    private mutating func readSegment(_ bytes: UnsafeRawBufferPointer, _ path: String) {
        let block = Block(UnsafeRawBufferPointer(rebasing: bytes[..<Layout.blockSize]))
        guard let header = try? SegmentHeader(block), let base = bytes.baseAddress else { return }
        note(header.watermark, "the header of \(path)")
        for offset in stride(from: Layout.blockSize, through: bytes.count - Layout.frameHeaderSize, by: 8) {
            let seed = FrameHeader.seed(salt: header.salt, offset: UInt64(offset))
            guard let frame = FrameHeader(at: base + offset, seed: seed) else { continue }
            note(frame.watermark, "the frame at \(offset) of \(path)")
        }
        // All frames are on stable storage before their footer is written. One that strayed here is not at its own place.
        let start = bytes.count - Layout.footerSize
        guard start >= Layout.blockSize else { return }
        let end = Block(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        if let footer = SegmentFooter(end, offset: UInt64(start)), footer.identity == header.identity,
            footer.sequence == header.sequence
        {
            note(footer.summary.lastLSN, "the footer of \(path)")
        }
    }

    /// The bytes of a compressed segment, with zeros for what can't be read; nil if nothing can.
    private static func unpacked(_ path: String, _ disk: SimulatedDisk) -> [UInt8]? {
        guard let file = try? disk.backend.openSegment(path), let size = try? file.size() else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        bytes.withUnsafeMutableBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: Layout.blockSize) {
                let piece = bytes[start..<min(start + Layout.blockSize, bytes.count)]
                _ = try? file.read(at: UInt64(start), into: UnsafeMutableRawBufferPointer(rebasing: piece))
            }
        }
        try? file.close()
        return bytes
    }
}
