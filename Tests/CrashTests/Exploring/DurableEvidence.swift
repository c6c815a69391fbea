import SegmentStore
import WalSimulation

/// The newest LSN that a superblock, segment header or frame on a disk, with a valid checksum at its own place, says was durable.
struct DurableEvidence: CustomStringConvertible {
    private(set) var newest: UInt64 = 0
    private(set) var description = "nothing"

    init(_ disk: SimulatedDisk) {
        for path in disk.files() {
            guard let bytes = disk.contents(of: path), bytes.count >= Layout.blockSize else { continue }
            bytes.withUnsafeBytes { bytes in
                if path.hasSuffix("/" + FileNames.superblock) {
                    readSuperblock(bytes)
                } else if path.hasSuffix(FileNames.segmentSuffix), !path.contains("/" + FileNames.quarantine + "/") {
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
    }
}
