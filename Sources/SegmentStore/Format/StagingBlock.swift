/// Memory in which events are laid out as frames, in their on-disk form, before they have a place in a file.
///
/// Appenders fill a block under the queue's lock; the writer then owns it, and the store finishes each frame's header
/// (checksums, link, watermark: all that depends on the place) and writes the block in one call.
///
/// Not synchronised: the queue's lock, and the hand-over from queue to writer under it, order every access. That is why
/// it may be `@unchecked Sendable`.
package final class StagingBlock: @unchecked Sendable {
    /// Room before the base for the part of a page that a write has to send again to begin on a page boundary.
    package static let headroom = Layout.blockSize

    private let memory: UnsafeMutableRawPointer
    package let base: UnsafeMutableRawPointer
    package let capacity: Int
    /// The size, header included, up to which events are merged into one frame.
    private let mergeEnd: Int

    // Visible outside the module, these would be checked for overlapping access at run time, three calls per event; no
    // two accesses can overlap, each being a plain load or store by the block's one user.

    /// Bytes used, frames being laid out without gaps but their alignment.
    @exclusivity(unchecked) package private(set) var end = 0
    /// Events in the block.
    @exclusivity(unchecked) package private(set) var eventCount = 0
    /// The LSN of the last event in the block; 0 if it is empty.
    @exclusivity(unchecked) package private(set) var lastLSN: UInt64 = 0

    private var frameStart = 0
    private var frameEvents = 0
    private var frameFirstLSN: UInt64 = 0
    private var framePayloadBytes = 0
    private var frameOldestTime = Int64.max
    private var frameNewestTime = Int64.min

    /// The closed frames, in order.
    package private(set) var frames: [StagedFrame] = []
    /// How many of them are in the file; the store counts it up, so that a write which failed for want of room goes on there.
    package var framesWritten = 0

    /// - Parameters:
    ///   - capacity: bytes.
    ///   - largestBody: what fits a segment; merging events into one frame must not pass it.
    package init(capacity: Int, largestBody: Int = Layout.frameMergeLimit) {
        mergeEnd = min(largestBody, Layout.frameMergeLimit) + Layout.frameHeaderSize
        self.capacity = Layout.aligned(capacity)
        frames.reserveCapacity(16)
        memory = .allocate(byteCount: Self.headroom + self.capacity, alignment: Layout.blockSize)
        base = memory + Self.headroom
    }

    deinit {
        memory.deallocate()
    }

    package var isEmpty: Bool { end == 0 }

    /// The capacity a block needs to hold one unit of this many record bytes.
    package static func capacity(forBody bytes: Int) -> Int {
        Layout.frameSize(bodyLength: bytes)
    }

    /// Adds an event that is a payload alone. Returns false, and changes nothing, if the block has no room.
    @inline(__always)
    package func append(_ payload: UnsafeRawBufferPointer, lsn: UInt64) -> Bool {
        guard let target = reserve(Record.plainSize(payload: payload.count), events: 1, firstLSN: lsn) else {
            return false
        }
        Record.encodePlain(payload, at: target)
        framePayloadBytes &+= payload.count
        return true
    }

    /// Adds an event with any of its optional parts. Returns false, and changes nothing, if the block has no room.
    package func append(
        _ payload: UnsafeRawBufferPointer, meta: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?,
        time: EventTime?,
        lsn: UInt64
    ) -> Bool {
        let size = Record.size(payload: payload.count, meta: meta?.count, key: key?.count, timestamp: time != nil)
        guard let target = reserve(size, events: 1, firstLSN: lsn) else { return false }
        Record.encode(payload: payload, meta: meta, key: key, time: time, at: target)
        framePayloadBytes &+= payload.count
        if let time {
            frameOldestTime = min(frameOldestTime, time.nanosecondsSince1970)
            frameNewestTime = max(frameNewestTime, time.nanosecondsSince1970)
        }
        return true
    }

    /// Adds a whole batch, which stays in one frame. Returns false, and changes nothing, if the block has no room.
    package func append(_ batch: borrowing EventBatch, firstLSN: UInt64) -> Bool {
        let records = batch.records
        guard let source = records.baseAddress, batch.count > 0 else { return false }
        guard let target = reserve(records.count, events: batch.count, firstLSN: firstLSN) else { return false }
        target.copyMemory(from: source, byteCount: records.count)
        framePayloadBytes &+= batch.payloadBytes
        frameOldestTime = min(frameOldestTime, batch.oldestTime)
        frameNewestTime = max(frameNewestTime, batch.newestTime)
        return true
    }

    @inline(__always)
    private func reserve(_ size: Int, events: Int, firstLSN: UInt64) -> UnsafeMutableRawPointer? {
        let start = end
        if frameEvents > 0
            && start &- frameStart &+ size <= mergeEnd
            && start &+ size <= capacity
        {
            end = start &+ size
            frameEvents &+= events
            eventCount &+= events
            lastLSN = firstLSN &+ UInt64(truncatingIfNeeded: events) &- 1
            return base + start
        }
        return reserveInNewFrame(size, events: events, firstLSN: firstLSN)
    }

    @inline(never)
    private func reserveInNewFrame(_ size: Int, events: Int, firstLSN: UInt64) -> UnsafeMutableRawPointer? {
        let start = Layout.aligned(end)
        // The padding behind the body must fit too.
        guard start + Layout.frameSize(bodyLength: size) <= capacity else { return nil }
        closeFrame()
        frameStart = start
        frameFirstLSN = firstLSN
        frameEvents = events
        end = start + Layout.frameHeaderSize + size
        eventCount += events
        lastLSN = firstLSN &+ UInt64(truncatingIfNeeded: events) &- 1
        return base + start + Layout.frameHeaderSize
    }

    /// Ends the open frame: pads it to the alignment and notes in its header bytes what the store needs. The queue calls it
    /// once before it hands the block over; idempotent.
    package func closeFrame() {
        guard frameEvents > 0 else { return }
        let bodyLength = end - frameStart - Layout.frameHeaderSize
        // The capacity is a multiple of the alignment: the padding fits.
        let padded = Layout.aligned(end)
        if padded > end { (base + end).initializeMemory(as: UInt8.self, repeating: 0, count: padded - end) }
        end = padded
        frames.append(
            StagedFrame(
                start: frameStart, bodyLength: bodyLength, eventCount: frameEvents, firstLSN: frameFirstLSN,
                payloadBytes: framePayloadBytes, oldestTime: frameOldestTime, newestTime: frameNewestTime))
        frameEvents = 0
        framePayloadBytes = 0
        frameOldestTime = .max
        frameNewestTime = .min
    }

    /// Empties the block for its next use.
    package func reset() {
        end = 0
        eventCount = 0
        lastLSN = 0
        frames.removeAll(keepingCapacity: true)
        framesWritten = 0
        frameStart = 0
        frameEvents = 0
        frameFirstLSN = 0
        framePayloadBytes = 0
        frameOldestTime = .max
        frameNewestTime = .min
    }
}

/// What the store must know of a closed frame to finish its header.
package struct StagedFrame: Sendable {
    /// The offset of its header in the block.
    package var start: Int
    package var bodyLength: Int
    package var eventCount: Int
    package var firstLSN: UInt64
    /// Bytes of payload alone.
    package var payloadBytes: Int
    /// Of the events with times of their own; `Int64.max` if there are none.
    package var oldestTime: Int64
    /// Of the events with times of their own; `Int64.min` if there are none.
    package var newestTime: Int64

    package var size: Int { Layout.frameSize(bodyLength: bodyLength) }
    package var lastLSN: UInt64 { firstLSN + UInt64(eventCount) - 1 }
}
