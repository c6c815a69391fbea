internal import SegmentStore

/// Staging blocks that wait for their next use: memory that is in use already costs no page faults.
///
/// Guarded by the queue's lock.
struct BlockPool {
    /// Writes of this size are the fastest measured on fresh, allocated and prewritten files alike.
    static let blockCapacity = 256 << 10

    private var free: [StagingBlock] = []
    private let limit: Int
    /// Blocks made for larger units, smallest first.
    private var large: [StagingBlock] = []
    private var largeBytes = 0
    private let largeLimit: Int
    private static let largeBytesMax = 16 << 20
    private let largestUnit: Int

    /// - Parameters:
    ///   - queueBytes: the queue's bound; more blocks than hold that much are not kept.
    ///   - largestUnit: record bytes that fit a segment.
    init(queueBytes: Int, largestUnit: Int) {
        self.largestUnit = largestUnit
        limit = min(queueBytes / Self.blockCapacity, 1 << 12) + 2
        largeLimit = min(queueBytes, Self.largeBytesMax)
        free.reserveCapacity(limit)
    }

    /// An empty block that has room for a unit of this many record bytes.
    mutating func take(forUnit bytes: Int) -> StagingBlock {
        let needed = StagingBlock.capacity(forBody: bytes)
        guard needed > Self.blockCapacity else {
            return free.popLast() ?? StagingBlock(capacity: Self.blockCapacity, largestBody: largestUnit)
        }
        // One much larger would fill with small events before it is written.
        if let index = large.firstIndex(where: { $0.capacity >= needed }), large[index].capacity / 2 <= needed {
            let block = large.remove(at: index)
            largeBytes -= block.capacity
            return block
        }
        // Rounded up, so that units of about one size find each other's blocks; but for the largest, which are not kept.
        guard needed <= largeLimit else { return StagingBlock(capacity: needed, largestBody: largestUnit) }
        let rounded = (needed + Self.blockCapacity - 1) / Self.blockCapacity * Self.blockCapacity
        return StagingBlock(capacity: rounded <= largeLimit ? rounded : needed, largestBody: largestUnit)
    }

    /// Takes back an emptied block; keeps it unless there are enough of its kind.
    mutating func give(_ block: StagingBlock) {
        if block.capacity == Self.blockCapacity {
            if free.count < limit { free.append(block) }
        } else if block.capacity <= largeLimit - largeBytes {
            largeBytes += block.capacity
            large.insert(block, at: large.firstIndex { $0.capacity >= block.capacity } ?? large.count)
        }
    }
}
