import WalPlatform

/// Which calls of a `FaultStorage` fail, and how many there were.
///
/// Safe to use and change from any thread.
///
/// A sweep runs once with an empty plan, reads `callCount`, and then fails call 1, 2, … of otherwise equal runs.
package final class FaultPlan: Sendable {
    private struct State {
        var faults: [(fault: Fault, matched: Int)] = []
        var counts: [StorageError.Operation: Int] = [:]
        var callCount = 0
        var firedCount = 0
    }

    /// The failure that a call has to report.
    struct Verdict {
        let errno: CInt
        let effect: Fault.Effect
    }

    private let state = Guarded(State())

    package init() {}

    /// Adds a fault; the calls that it matches are counted from here.
    ///
    /// If two hit one call, the one added first wins.
    package func add(_ fault: Fault) {
        state.withLock { $0.faults.append((fault, 0)) }
    }

    /// Removes all faults: the disk is well again.
    ///
    /// Counts stay.
    package func clear() {
        state.withLock { $0.faults.removeAll() }
    }

    /// The calls so far, failed ones included.
    package var callCount: Int { state.withLock { $0.callCount } }

    /// The calls of one kind so far, failed ones included.
    package func callCount(of operation: StorageError.Operation) -> Int {
        state.withLock { $0.counts[operation] ?? 0 }
    }

    /// How many calls were made to fail: 0 means that a sweep has gone past the last call.
    package var firedCount: Int { state.withLock { $0.firedCount } }

    /// Sets all counts to 0, those of the faults too.
    package func resetCounts() {
        state.withLock { state in
            state.counts.removeAll()
            state.callCount = 0
            state.firedCount = 0
            for index in state.faults.indices {
                state.faults[index].matched = 0
            }
        }
    }

    /// Counts a call and says how it has to fail, if it has to.
    func verdict(_ operation: StorageError.Operation, _ paths: [String]) -> Verdict? {
        state.withLock { state in
            state.callCount += 1
            state.counts[operation, default: 0] += 1
            var verdict: Verdict?
            for index in state.faults.indices where state.faults[index].fault.matches(operation, paths) {
                state.faults[index].matched += 1
                let (fault, matched) = state.faults[index]
                if verdict == nil, fault.isLasting ? matched >= fault.occurrence : matched == fault.occurrence {
                    verdict = Verdict(errno: fault.errno, effect: fault.effect)
                }
            }
            if verdict != nil {
                state.firedCount += 1
            }
            return verdict
        }
    }
}
