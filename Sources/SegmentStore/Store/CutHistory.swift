/// The cuts (truncate(after:)) made since the store was opened, for readers and waiters that began before them.
package struct CutHistory: Sendable {
    private struct Entry: Sendable {
        var generation: UInt64
        var lsn: UInt64
    }

    /// How many cuts are told apart.
    package static let entriesMax = 1024

    /// Generations and LSNs both rise: a cut makes those before it that kept more irrelevant.
    private var entries: [Entry] = []

    /// How many steps of cuts there have been; a reader that has seen this one knows them all.
    package private(set) var generation: UInt64 = 0

    package init() {}

    /// Notes a cut that kept the events up to `lsn`.
    package mutating func add(_ lsn: UInt64) {
        generation += 1
        while let last = entries.last, last.lsn >= lsn { entries.removeLast() }
        entries.append(Entry(generation: generation, lsn: lsn))
        if entries.count > Self.entriesMax {
            // Whoever began between these two is told of the lower one: at worst a reader ends that need not.
            entries[1].lsn = entries[0].lsn
            entries.removeFirst()
        }
    }

    /// The last event that all cuts since a generation have kept; nil if there was none.
    package func lowest(since generation: UInt64) -> UInt64? {
        entries.first { $0.generation > generation }?.lsn
    }
}
