internal import Synchronization

/// Ends the wait of a ``Follower`` from another thread.
public struct FollowCancellation: Sendable {
    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    private let flag = Flag()
    private let followers: Followers

    init(_ followers: Followers) {
        self.followers = followers
    }

    /// Has the follower throw `cancelled` from its wait and from every step after. Idempotent; never blocks.
    public func cancel() {
        flag.isSet.store(true, ordering: .sequentiallyConsistent)
        followers.wakeAll()
    }

    /// Whether it was cancelled.
    public var isCancelled: Bool { flag.isSet.load(ordering: .acquiring) }
}
