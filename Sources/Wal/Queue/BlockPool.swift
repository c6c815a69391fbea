internal import SegmentStore

/// Staging blocks of the usual size that wait for their next use.
///
/// Guarded by the queue's lock.
struct BlockPool {
    /// Writes of this size are the fastest measured on fresh, allocated and prewritten files alike.
    static let blockCapacity = 256 << 10

    private var free: [StagingBlock] = []
    private let limit: Int
    private let largestUnit: Int

    /// - Parameters:
    ///   - queueBytes: the queue's bound; more blocks than hold that much are not kept.
    ///   - largestUnit: record bytes that fit a segment.
    init(queueBytes: Int, largestUnit: Int) {
        self.largestUnit = largestUnit
        limit = min(queueBytes / Self.blockCapacity, 1 << 12) + 2
        free.reserveCapacity(limit)
    }

    /// An empty block that has room for a unit of this many record bytes.
    mutating func take(forUnit bytes: Int) -> StagingBlock {
        let needed = StagingBlock.capacity(forBody: bytes)
        if needed > Self.blockCapacity { return StagingBlock(capacity: needed, largestBody: largestUnit) }
        return free.popLast() ?? StagingBlock(capacity: Self.blockCapacity, largestBody: largestUnit)
    }

    /// Takes back an emptied block; keeps it if it is of the usual size and there are not enough yet.
    mutating func give(_ block: StagingBlock) {
        if block.capacity == Self.blockCapacity, free.count < limit { free.append(block) }
    }
}
