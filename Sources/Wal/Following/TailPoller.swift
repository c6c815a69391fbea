internal import SegmentStore
internal import WalPlatform

/// Looks again and again at a log that another process writes, while somebody waits for its next event.
///
/// One thread per log however many follow it; none while nobody does. It looks soon after there was something new, and ever
/// less often while there isn't.
final class TailPoller: Sendable {
    private struct State {
        var waiting = 0
        var isRunning = false
        /// The thread sleeps until somebody waits.
        var isResting = false
        var stops = false
        /// Somebody has begun to wait since the last look, and is owed one even if it has stopped waiting.
        var wantsLook = false
        var failures = 0
        var lastFailure: WalError?
    }

    private let shortest: Int64
    private let longest: Int64
    /// Innermost but for the pool's.
    private let state = Guarded(State())
    private let kicked = WaitWord()

    init(pauses: ClosedRange<Duration>) {
        shortest = pauses.lowerBound.wholeNanoseconds
        longest = pauses.upperBound.wholeNanoseconds
    }

    /// Returns how many looks have failed so far.
    func beginWait(_ core: LogCore) throws(WalError) -> Int {
        let (failures, mustStart, mustKick) = state.withLock { state in
            state.waiting += 1
            state.stops = false
            state.wantsLook = true
            let (mustStart, mustKick) = (!state.isRunning, state.isResting)
            state.isRunning = true
            state.isResting = false
            return (state.failures, mustStart, mustKick)
        }
        if mustKick { kicked.bumpAndWakeOne() }
        guard mustStart else { return failures }
        do throws(SystemThread.StartError) {
            try callThreads.run { self.run(core) }
        } catch {
            let failure = WalError(noThread: error, path: core.path)
            // Others may have begun to wait for that thread meanwhile.
            let hasOthers = state.withLock { state in
                state.waiting -= 1
                state.isRunning = false
                state.failures += 1
                state.lastFailure = failure
                return state.waiting > 0
            }
            if hasOthers { core.signals.wakeEverybody() }
            throw failure
        }
        return failures
    }

    var failureCount: Int { state.withLock { $0.failures } }

    func endWait() {
        state.withLock { $0.waiting -= 1 }
    }

    /// The last failed look's error, if there was one since.
    func failure(since count: Int) -> WalError? {
        state.withLock { $0.failures > count ? $0.lastFailure : nil }
    }

    /// Nobody follows any more, or the log is closed.
    func stop() {
        state.withLock { $0.stops = true }
        kicked.bumpAndWakeOne()
    }

    private enum Step { case look, rest, end }

    private func run(_ core: LogCore) {
        var pause = shortest
        while true {
            let seen = kicked.load()
            let step = state.withLock { state -> Step in
                // Whoever asked for the end may have been overtaken by somebody who waits.
                if core.queue.phase == .closed || state.stops && state.waiting == 0 {
                    state.isRunning = false
                    return .end
                }
                state.isResting = state.waiting == 0 && !state.wantsLook
                state.wantsLook = false
                return state.isResting ? .rest : .look
            }
            switch step {
            case .end: return
            case .rest:
                kicked.wait(while: seen)
                pause = shortest
            case .look:
                do throws(WalError) {
                    pause = try core.refresh() ? shortest : min(pause * 2, longest)
                } catch {
                    state.withLock { state in
                        state.failures += 1
                        state.lastFailure = error
                        state.isRunning = false
                    }
                    core.signals.wakeEverybody()
                    return
                }
                kicked.wait(while: seen, timeoutNanoseconds: pause)
            }
        }
    }
}

extension LogCore {
    /// Looks at what another process has written since, and lets the followers know; returns whether there is news.
    func refresh() throws(WalError) -> Bool {
        let durable = store.durableLSN
        let hasMoved = try store.refresh()
        guard hasMoved || store.durableLSN != durable else { return false }
        signals.followers.wakeAll()
        // All, not those alone whose event has come: the log may have been cut, which they must hear.
        signals.tasks.wakeAll()
        return true
    }
}
