import WalPlatform

/// Brings in the pages of mapped segments for one reader that goes on in sequence; once that is worth it, ahead of the reader
/// on a thread of its own.
///
/// Reader and thread both take the next slice that nobody has taken, so that the reader is not left to fault page by page.
/// A map that the reader has left is let go of by the thread: taking it down costs as much as a slice. Used by one thread;
/// letting go of it ends the thread.
final class PageAhead {
    private static let slice: UInt64 = 512 << 10
    /// How far ahead of the reader pages are brought in by itself, and by a thread.
    private static let ownReach: UInt64 = 2 << 20
    private static let threadReach: UInt64 = 4 << 20
    /// A thread that has had nothing to do for so long ends; a reader that goes on gets another.
    private static let idleNanoseconds: Int64 = 500_000_000
    /// A thread is worth it once this much was read.
    private static let threadMin: UInt64 = 1 << 20

    private let spawn: (@Sendable (_ body: @escaping @Sendable () -> Void) -> Bool)?
    private var mapping: (any StorageMapping)?
    private var shared: Pages?
    private var mayHaveThread: Bool
    private var covered: UInt64 = 0
    /// Where the reader was at the last step, and what it has read in all.
    private var last: UInt64 = 0
    private var read: UInt64 = 0

    init(_ environment: StoreEnvironment) {
        spawn = environment.processorCount > 1 ? environment.spawn : nil
        mayHaveThread = spawn != nil
    }

    deinit {
        shared?.close()
    }

    /// The reader is at `offset` and may go up to `limit`. Returns where this is to be called again.
    func advance(_ mapping: any StorageMapping, to offset: UInt64, limit: UInt64) -> UInt64 {
        if self.mapping !== mapping {
            self.mapping = mapping
            last = offset
            covered = offset
            shared?.enter(mapping, at: offset)
        }
        // A reader that comes back to a map goes on from where it comes back to.
        read += offset.subtractingClamped(last)
        last = offset
        if shared == nil, mayHaveThread, read >= Self.threadMin { startThread(mapping, at: max(offset, covered)) }
        guard let shared else {
            let end = min(offset + Self.ownReach, limit)
            let start = max(offset, covered)
            if start < end { mapping.willNeed(Int(start)..<Int(end)) }
            covered = end
            return end < limit ? end : .max
        }
        // Where the thread has not come yet, the reader does it.
        let step = shared.advance(to: offset, reach: min(offset + Self.threadReach, limit), slice: Self.slice)
        if let own = step.own { mapping.willNeed(own) }
        if step.lacksThread { startThread(mapping, at: offset) }
        let next = offset + Self.slice
        return next < limit ? next : .max
    }

    private func startThread(_ mapping: any StorageMapping, at offset: UInt64) {
        let pages = shared ?? Pages()
        if shared == nil { pages.enter(mapping, at: offset) }
        let (slice, idle) = (Self.slice, Self.idleNanoseconds)
        let hasStarted = spawn?({
            while true {
                let seen = pages.moved.load()
                switch pages.take(slice) {
                case .ended: return
                case .range(let mapping, let range): mapping.willNeed(range)
                case .left: break
                case .nothing:
                    if !pages.moved.wait(while: seen, timeoutNanoseconds: idle), pages.retire() { return }
                }
            }
        })
        if hasStarted == true {
            shared = pages
        } else {
            // One that could not be had is not asked for again.
            mayHaveThread = false
            shared?.close()
            shared = nil
        }
    }
}

/// What a reader and its thread share.
private final class Pages: Sendable {
    struct State: Sendable {
        var mapping: (any StorageMapping)?
        /// Maps that the reader has left.
        var left: [any StorageMapping] = []
        /// Taken up to here, by either.
        var taken: UInt64 = 0
        /// To be brought in up to here; never above what the reader may touch.
        var reach: UInt64 = 0
        var hasEnded = false
        var hasThread = true
    }

    enum Work {
        case range(any StorageMapping, Range<Int>)
        case left([any StorageMapping])
        case nothing
        case ended
    }

    /// Moves whenever there may be something to do.
    let moved = WaitWord()
    private let state = Guarded(State())
    private let process = ForkMark()

    func enter(_ mapping: any StorageMapping, at offset: UInt64) {
        state.withLock { state in
            if let old = state.mapping { state.left.append(old) }
            state.mapping = mapping
            (state.taken, state.reach) = (offset, offset)
        }
        moved.bumpAndWakeAll()
    }

    func close() {
        // A forked child has no such thread, and nobody frees a lock that it held.
        if process.isForked { return }
        let left = state.withLock { state -> [any StorageMapping] in
            state.hasEnded = true
            defer { (state.mapping, state.left) = (nil, []) }
            return state.left
        }
        moved.bumpAndWakeAll()
        _ = consume left
    }

    /// Whether the thread may end, having nothing to do.
    func retire() -> Bool {
        state.withLock { state in
            if state.hasEnded { return true }
            guard state.left.isEmpty, state.mapping == nil || state.taken >= state.reach else { return false }
            state.hasThread = false
            return true
        }
    }

    /// Lets the thread go on; returns what the reader is to bring in itself, and whether it has to start a thread anew.
    func advance(to offset: UInt64, reach: UInt64, slice: UInt64) -> (own: Range<Int>?, lacksThread: Bool) {
        let (own, isNews, lacksThread) = state.withLock { state -> (Range<Int>?, Bool, Bool) in
            var own: Range<Int>?
            state.taken = max(state.taken, offset)
            // A step of the reader is a slice long.
            if state.taken < min(offset + slice, reach) {
                let end = min(state.taken + slice, reach)
                own = Int(state.taken)..<Int(end)
                state.taken = end
            }
            // The thread is woken for more than a slice at a time.
            let isNews = state.reach < min(offset + slice * 4, reach)
            if isNews { state.reach = reach }
            let lacksThread = isNews && !state.hasThread
            if lacksThread { state.hasThread = true }
            return (own, isNews, lacksThread)
        }
        if isNews { moved.bumpAndWakeAll() }
        return (own, lacksThread)
    }

    func take(_ slice: UInt64) -> Work {
        state.withLock { state in
            if state.hasEnded { return .ended }
            if !state.left.isEmpty {
                defer { state.left = [] }
                return .left(state.left)
            }
            guard let mapping = state.mapping, state.taken < state.reach else { return .nothing }
            let start = state.taken
            state.taken = min(start + slice, state.reach)
            return .range(mapping, Int(start)..<Int(state.taken))
        }
    }
}
