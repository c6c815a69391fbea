internal import Synchronization
internal import WalPlatform

/// The consumers of a log that a shutdown gives a moment: to process what is left, and to save how far they have come while
/// the log is still open.
final class Consumers: Sendable {
    /// How long a shutdown waits for them, once all else is done.
    static let grace: Int64 = 1_000_000_000

    /// The same where one of them has asked for the shutdown: it is at work, and will look next for what is to be done.
    private static let ownGrace: Int64 = 60_000_000_000

    private let running = Atomic<Int>(0)
    private let patience = Atomic<Int64>(grace)

    private let awaited = Atomic<Bool>(false)

    /// Whether they are all that a shutdown still waits for: what was accepted is on stable storage.
    var areAwaited: Bool { awaited.load(ordering: .acquiring) }

    /// Returns whether that is news.
    func noteAwaited() -> Bool { !awaited.exchange(true, ordering: .acquiringAndReleasing) }

    /// Whether any has not yet saved all it will.
    var areBusy: Bool { running.load(ordering: .acquiring) > 0 }

    /// How long to wait for them, in nanoseconds.
    var patienceNanoseconds: Int64 { patience.load(ordering: .relaxed) }

    /// A shutdown that may last so long begins; by a consumer itself or by somebody else.
    func limit(to timeout: Int64?, byConsumer: Bool) {
        if byConsumer { return patience.store(Self.ownGrace, ordering: .relaxed) }
        if let timeout { patience.store(min(Self.grace, max(0, timeout / 2)), ordering: .relaxed) }
    }

    func begin() {
        running.add(1, ordering: .acquiringAndReleasing)
    }

    func settle() {
        running.subtract(1, ordering: .acquiringAndReleasing)
    }
}
