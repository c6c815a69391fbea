public import SegmentStore
public import Synchronization

/// The frames of a replay. The loop over their events is compiled into the caller, who is called back per event; what is done per
/// frame stays here.
@usableFromInline
final class ReplayFrames {
    // What the caller's code touches comes first: where it lies must not depend on the store's types.
    /// Of the core's queue.
    @usableFromInline let readingWord: UnsafeMutablePointer<Atomic<UInt64>>
    /// What was seen of it.
    @usableFromInline var readingState: UInt64
    /// Of the frame given out last.
    @usableFromInline private(set) var epoch: UInt32 = 0
    @usableFromInline private(set) var incarnation: UInt64 = 0
    private let core: LogCore
    private var cursor: LogCursor

    init(_ cursor: consuming LogCursor, _ core: LogCore) throws(WalError) {
        self.cursor = cursor
        self.core = core
        readingWord = core.queue.readingWord
        readingState = core.queue.readingState
        guard core.queue.phase != .closed else { throw core.closedError }
    }

    /// - Parameter used: the frame before, used up.
    @usableFromInline
    func next(after used: RecordRun?) throws(WalError) -> RecordRun? {
        guard let run = try cursor.nextRun(after: used) else { return nil }
        (epoch, incarnation) = (cursor.epoch, cursor.incarnation)
        return run
    }

    /// The log was closed, or events were cut off, or something that is no matter here. Whether the event may still be given out.
    @usableFromInline
    func lookAround(at lsn: UInt64, before run: inout RecordRun) throws(WalError) -> Bool {
        readingState = core.queue.readingState
        guard core.queue.phase != .closed else { throw core.closedError }
        return try cursor.mayGive(lsn, before: &run)
    }

    @inlinable
    func forEach<Failure: Error>(
        _ body: (borrowing BorrowedEvent) throws(Failure) -> ReplayStep
    ) throws {
        // The events lie in memory that this object holds.
        defer { withExtendedLifetime(self) {} }
        let word = readingWord
        var seen = readingState
        var used: RecordRun?
        while var run = try next(after: used) {
            let (epoch, incarnation) = (self.epoch, self.incarnation)
            while let view = run.next() {
                if word.pointee.load(ordering: .acquiring) != seen {
                    guard try lookAround(at: view.lsn, before: &run) else { break }
                    seen = readingState
                }
                if try body(BorrowedEvent(view, epoch: epoch, incarnation: incarnation)) == .stop { return }
            }
            used = run
        }
    }
}
