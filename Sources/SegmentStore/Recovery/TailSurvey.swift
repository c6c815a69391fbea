/// What lies behind a point of a segment: claims of durability, bytes that are not zero, frame headers.
///
/// Looks at every eighth byte for a frame header or footer whose checksum holds at its own offset; nothing else counts.
package struct TailSurvey: Sendable {
    /// The highest LSN that a frame or footer there claims to have been durable.
    package var claimed: UInt64 = 0
    /// The offset behind the last byte that is not zero, if there is one.
    package var end: UInt64?
    /// Whether there is a frame header whose checksum holds.
    package var hasFrame = false
    /// First LSN and offset of the first such frame.
    package var firstFrame: (lsn: UInt64, offset: UInt64)?
    package var bytesRead: UInt64 = 0

    private static let chunk = 256 << 10

    private let identity: LogIdentity

    /// Footers count only if they belong to this log: their checksum alone could be forged inside a payload.
    package init(_ identity: LogIdentity) {
        self.identity = identity
    }

    /// Surveys a file from `offset` (a multiple of 8) to its end, but for what is known to be zeros. Without a salt only footers
    /// and bytes are seen.
    ///
    /// - Parameters:
    ///   - data: what is known of it from before it was read, at or behind `offset`; nil to ask now.
    ///   - path: of a file that nobody shortens meanwhile.
    package mutating func run(
        _ file: any StorageFile, salt: UInt64?, from offset: UInt64, data: DataRanges? = nil,
        reaching path: String? = nil
    ) throws(StorageError) {
        // No segment is larger, whatever size a sparse file says it has.
        let size = min(try file.size(), Layout.segmentSizeMax)
        let known: DataRanges
        if let data { known = data } else { known = try DataRanges(file, from: offset) }
        let window = ByteWindow(file, limit: size, reaching: path)
        var position = offset
        for range in known.from(offset, to: size) {
            // What begins in a hole begins with a zero, which no frame header and no footer does.
            position = max(position, range.lowerBound & ~7)
            guard try look(window, from: &position, to: range.upperBound, size: size, salt: salt) else { return }
        }
    }

    /// Returns false if the file ends there after all.
    private mutating func look(
        _ window: ByteWindow, from position: inout UInt64, to limit: UInt64, size: UInt64, salt: UInt64?
    ) throws(StorageError) -> Bool {
        while position < limit {
            var reach = Int(min(UInt64(Self.chunk + Layout.footerSize), size - position))
            var found: UnsafeRawPointer?
            do throws(StorageError) {
                found = try window.bytes(at: position, count: reach)
            } catch {
                guard let damage = error.damage else { throw error }
                // Up to the damaged block first, then on behind it.
                if damage.lowerBound <= position {
                    end = min(size, damage.upperBound)
                    position = (min(size, damage.upperBound) + 7) & ~7
                    continue
                }
                reach = Int(damage.lowerBound - position)
                found = try window.bytes(at: position, count: reach)
            }
            guard let bytes = found else { return false }
            // In steps of eight bytes, wherever the data ends.
            let count = Int(min(UInt64(min(reach, Self.chunk)), (limit - position + 7) & ~7))
            look(bytes, count: count, reach: reach, at: position, salt: salt)
            position += UInt64(count)
            bytesRead += UInt64(count)
        }
        return true
    }

    private mutating func look(_ bytes: UnsafeRawPointer, count: Int, reach: Int, at base: UInt64, salt: UInt64?) {
        var step = 0
        while step < count {
            if step + 512 <= count, isZero(bytes + step, 512) {
                step += 512
                continue
            }
            let stop = min(step + 512, count)
            while step < stop {
                inspect(bytes + step, left: reach - step, at: base + UInt64(step), salt: salt)
                step += 8
            }
        }
    }

    private mutating func inspect(_ bytes: UnsafeRawPointer, left: Int, at offset: UInt64, salt: UInt64?) {
        guard left >= 8 else {
            for byte in 0..<left where bytes.load(byte, as: UInt8.self) != 0 { end = offset + UInt64(byte) + 1 }
            return
        }
        let word = bytes.load(0, as: UInt64.self)
        guard word != 0 else { return }
        end = offset + 8
        if word == SegmentFooter.magic, left >= Layout.footerSize {
            let block = Block(UnsafeRawBufferPointer(start: bytes, count: Layout.footerSize))
            if let footer = SegmentFooter(block, offset: offset), footer.identity == identity,
                footer.salt == salt ?? footer.salt
            {
                claimed = max(claimed, footer.summary.lastLSN)
            }
        }
        guard let salt, left >= Layout.frameHeaderSize, bytes.load(4, as: UInt16.self) == FrameHeader.magic else {
            return
        }
        guard let header = FrameHeader(at: bytes, seed: FrameHeader.seed(salt: salt, offset: offset)),
            header.hasPossibleLSNs
        else { return }
        if !hasFrame { firstFrame = (header.firstLSN, offset) }
        hasFrame = true
        claimed = max(claimed, header.watermark)
    }
}
