import Synchronization

/// A number that several threads count up and look at.
final class SharedCounter: Sendable {
    private let atomic = Atomic<Int>(0)

    var value: Int {
        get { atomic.load(ordering: .acquiring) }
        set { atomic.store(newValue, ordering: .releasing) }
    }

    /// Adds one and returns the new value.
    @discardableResult
    func increment() -> Int { atomic.add(1, ordering: .acquiringAndReleasing).newValue }

    func decrement() { atomic.subtract(1, ordering: .acquiringAndReleasing) }
}
