import WalPlatform

/// What a segment's frames add up to. Kept while frames are written or scanned, stored in the footer.
package struct SegmentSummary: Sendable, Hashable {
    package var firstLSN: UInt64 = 0
    package var lastLSN: UInt64 = 0
    package var firstEpoch: UInt32 = 0
    package var lastEpoch: UInt32 = 0
    package var lastIncarnation: UInt64 = 0
    package var eventCount: UInt64 = 0
    package var frameCount: UInt64 = 0
    package var payloadBytes: UInt64 = 0
    package var oldestEventTime = Int64.max
    package var newestEventTime = Int64.min
    package var oldestFrameTime = Int64.max
    package var newestFrameTime = Int64.min
    /// CRC-32C over the header checksums of all frames, in order; each of them covers its body's.
    package var framesChecksum: UInt32 = 0

    package init() {}

    /// Counts in a frame. The times are those of its events: their own where they have one, else the frame's.
    package mutating func add(_ header: FrameHeader, payloadBytes: Int, oldestTime: Int64, newestTime: Int64) {
        frameCount += 1
        withUnsafeBytes(of: header.checksum.littleEndian) {
            framesChecksum = CRC32C.checksum($0, seed: framesChecksum)
        }
        guard header.eventCount > 0 else { return }
        if eventCount == 0 {
            firstLSN = header.firstLSN
            firstEpoch = header.epoch
        }
        lastLSN = header.nextLSN - 1
        lastEpoch = header.epoch
        lastIncarnation = header.incarnation
        eventCount += UInt64(header.eventCount)
        self.payloadBytes += UInt64(payloadBytes)
        oldestEventTime = min(oldestEventTime, oldestTime)
        newestEventTime = max(newestEventTime, newestTime)
        oldestFrameTime = min(oldestFrameTime, header.time)
        newestFrameTime = max(newestFrameTime, header.time)
    }
}
