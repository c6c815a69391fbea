/// Sizes and limits of the format, version 1 (docs/format.md). All integers are little-endian.
package enum Layout {
    /// The format version written by this software.
    package static let version: UInt16 = 1

    /// A segment header, and each superblock slot, has a block of its own, so that writing it never touches another's bytes.
    package static let blockSize = 4096
    package static let superblockSize = 2 * blockSize

    package static let frameHeaderSize = 64
    package static let indexHeaderSize = 32
    package static let indexEntrySize = 32
    package static let footerSize = 256

    /// Frames start at multiples of this, so that a scan finds the next one behind a damaged one.
    package static let frameAlignment = 8

    /// Merging single appends and small batches into one frame stops at this many body bytes.
    package static let frameMergeLimit = 64 * 1024

    package static let segmentSizeMin: UInt64 = 16 * 1024
    /// A body length is 32 bits on disk.
    package static let segmentSizeMax: UInt64 = 2 << 30
    package static let indexSpacingMin = 4096
    package static let indexSpacingMax = 16 << 20

    /// Sequence numbers and generations stay below this, so that counting on never overflows.
    package static let counterLimit: UInt64 = 1 << 63
    /// From here on a log is not opened for writing, so that nothing that is counted on comes to the limit while it is open.
    package static let counterReserve: UInt64 = 1 << 62

    package static let metaBytesMax = 1 << 20
    package static let keyBytesMax = Int(UInt16.max)

    /// The largest index and footer a segment of this size can need; frames leave room for them.
    package static func sealReserve(segmentSize: UInt64, indexSpacing: Int) -> UInt64 {
        let entries = segmentSize / UInt64(indexSpacing) + 2
        return UInt64(indexHeaderSize + footerSize) + entries * UInt64(indexEntrySize)
    }

    /// The offset no frame may pass in a segment of this size.
    package static func framesLimit(segmentSize: UInt64, indexSpacing: Int) -> UInt64 {
        (segmentSize - sealReserve(segmentSize: segmentSize, indexSpacing: indexSpacing)) & ~7
    }

    /// The largest frame body, so the largest event (with its record head) or batch, a segment of this size can hold.
    package static func largestBody(segmentSize: UInt64, indexSpacing: Int) -> Int {
        Int(framesLimit(segmentSize: segmentSize, indexSpacing: indexSpacing)) - blockSize - frameHeaderSize
    }

    /// Rounds up to the frame alignment.
    @inlinable
    package static func aligned(_ count: Int) -> Int {
        (count &+ 7) & ~7
    }

    /// The file space a frame with this body takes.
    @inlinable
    package static func frameSize(bodyLength: Int) -> Int {
        64 &+ aligned(bodyLength)
    }
}
