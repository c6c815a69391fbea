internal import Synchronization

/// What `stats()` adds up that isn't a position; each is touched per group or on a slow path, never per event.
final class Counters: Sendable {
    let dropped = Atomic<UInt64>(0)
    let refused = Atomic<UInt64>(0)
    let stalls = Atomic<UInt64>(0)
    let groups = Atomic<UInt64>(0)
    let bytes = Atomic<UInt64>(0)
    let syncs = Atomic<UInt64>(0)
    let rolls = Atomic<UInt64>(0)
}

extension Atomic where Value == UInt64 {
    /// Counts one more.
    func increment() { add(1, ordering: .relaxed) }
}
