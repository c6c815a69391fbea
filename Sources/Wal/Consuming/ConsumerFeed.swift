internal import SegmentStore
internal import WalPlatform

/// Where a blocking consumer gets its events from: a follower whose wait can be broken off.
struct ConsumerFeed: ~Copyable {
    enum Step {
        /// Valid until the next step.
        case event(RecordView, Position)
        /// There is no event now.
        case idle
        case end
    }

    private var follower: Follower

    init(_ cursor: consuming FollowCursor) {
        follower = Follower(cursor)
    }

    /// The next event, if there is one now.
    mutating func next() throws(WalError) -> Step {
        do throws(WalError) {
            guard let view = try follower.nextView(.zero) else { return .end }
            return .event(
                view, Position(lsn: LSN(view.lsn), epoch: follower.epoch, incarnation: follower.incarnation))
        } catch {
            guard error.code == .timedOut else { throw error }
            return .idle
        }
    }

    /// Waits until there is an event, until the deadline, or while `goesOn`.
    mutating func wait(until deadline: Int64?, while goesOn: () -> Bool) throws(WalError) {
        try follower.cursor.beginWait()
        defer { follower.cursor.endWait() }
        let core = follower.cursor.core
        let word = core.signals.followers.word(follower.cursor.delivery)
        while true {
            let seen = word.load()
            if follower.cursor.hasNews() || !goesOn() { return }
            let left = deadline.map { $0 - SystemClock.monotonicNanoseconds() }
            if let left, left <= 0 { return }
            word.wait(while: seen, timeoutNanoseconds: left)
        }
    }
}
