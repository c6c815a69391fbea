import WalPlatform

/// The segments of a catalogue, in the order of the log.
///
/// Of the sealed ones that opening found there are only numbers; the object of one is made when somebody first asks for it, and
/// stays the same from then on. A log of tens of thousands of segments opens faster for it, and most of its runs touch few.
package struct SegmentList: Sendable {
    private var found: FoundSegments?
    /// What the list still has of the found ones, all of which come before those that were made as objects.
    private var range = 0..<0
    private var made: [Segment] = []

    package init() {}

    /// - Parameter found: sealed segments.
    package init(_ found: ArraySlice<RecoveryPlan.Found>, directory: String) {
        guard !found.isEmpty else { return }
        self.found = FoundSegments(found, directory: directory)
        range = found.indices
    }

    package func base(at index: Int) -> UInt64 {
        guard let found, index < range.count else { return made[index - range.count].base }
        return found.entries[range.lowerBound + index].base
    }

    package func sequence(at index: Int) -> UInt64 {
        guard let found, index < range.count else { return made[index - range.count].sequence }
        return found.entries[range.lowerBound + index].sequence
    }

    /// How many segments at the front meet a condition that all behind the first that doesn't must not meet either. By halves,
    /// and without making objects.
    package func prefixCount(_ condition: (_ base: UInt64, _ sequence: UInt64) -> Bool) -> Int {
        indices.partitionPoint { !condition(base(at: $0), sequence(at: $0)) }
    }

    package mutating func append(_ segment: Segment) { made.append(segment) }

    package mutating func append(contentsOf segments: [Segment]) { made += segments }

    /// Drops the oldest, which have been marked as removed.
    package mutating func removeFirst(_ count: Int) {
        let ofFound = Swift.min(count, range.count)
        if let found, ofFound > 0 {
            range = range.lowerBound + ofFound..<range.upperBound
            found.remove(below: range.lowerBound)
            if range.isEmpty { self.found = nil }
        }
        made.removeFirst(count - ofFound)
    }

    /// Drops the newest, which have been marked as removed.
    package mutating func removeLast(_ count: Int) {
        let ofMade = Swift.min(count, made.count)
        made.removeLast(ofMade)
        range = range.lowerBound..<range.upperBound - (count - ofMade)
    }
}

extension SegmentList: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { range.count + made.count }

    package subscript(index: Int) -> Segment {
        guard let found, index < range.count else { return made[index - range.count] }
        return found.segment(at: range.lowerBound + index)
    }
}

/// Segments of which there are objects as far as somebody has asked for them. Shared by all copies of a list, so that all have
/// the same objects.
private final class FoundSegments: Sendable {
    struct Objects: Sendable {
        var made: [Segment?]
        /// What lies below was truncated away.
        var first = 0
    }

    let entries: ArraySlice<RecoveryPlan.Found>
    private let directory: String
    private let objects: Guarded<Objects>

    init(_ entries: ArraySlice<RecoveryPlan.Found>, directory: String) {
        self.entries = entries
        self.directory = directory
        objects = Guarded(Objects(made: Array(repeating: nil, count: entries.count), first: entries.startIndex))
    }

    func segment(at index: Int) -> Segment {
        let kept = objects.withLock { objects -> Segment? in
            guard index >= objects.first else { return nil }
            let slot = index - entries.startIndex
            let segment = objects.made[slot] ?? make(index)
            objects.made[slot] = segment
            return segment
        }
        if let kept { return kept }
        // Asked for by an old copy of the list: whoever has it is told so.
        let removed = make(index)
        removed.info.withLock { $0.isRemoved = true }
        return removed
    }

    private func make(_ index: Int) -> Segment {
        let entry = entries[index]
        return Segment(
            base: entry.base, sequence: entry.sequence, directory: directory, isCompressed: entry.isCompressed,
            state: .sealed)
    }

    func remove(below index: Int) {
        objects.withLock { objects in
            for slot in objects.first - entries.startIndex..<index - entries.startIndex { objects.made[slot] = nil }
            objects.first = index
        }
    }
}
