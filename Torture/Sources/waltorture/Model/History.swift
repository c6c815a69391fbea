/// What the marks say must, and may, be found in a log after a stop.
struct History {
    /// What one opening of the log, or one cut, wrote: the events from `first` on.
    private struct Generation {
        var number: UInt64
        var first: UInt64
        var submitted: UInt64
    }

    private var generations: [Generation] = []
    /// The highest number given to a generation.
    private(set) var newestGeneration: UInt64 = 0
    /// The newest event reported durable, and written.
    private(set) var durable: UInt64 = 0
    private(set) var written: UInt64 = 0
    /// The cut under way: the log may end there too.
    private(set) var pendingCut: UInt64?
    /// Where cuts went: a batch may end there before its time.
    private(set) var cutPoints: Set<UInt64> = []
    /// The oldest event kept: the lowest and the highest it can be.
    private(set) var lowestFirst: UInt64 = 1
    private(set) var highestFirst: UInt64 = 1
    private(set) var checkpoints = CheckpointHistory()
    /// What a process was told when it opened the log, and should not have been.
    private(set) var violation: Violation?

    mutating func apply(_ mark: Mark) {
        switch mark.kind {
        case .began:
            begin(mark.generation, next: mark.a)
            settleFirst(mark.b)
        case .submitting:
            if !generations.isEmpty {
                generations[generations.count - 1].submitted = max(generations[generations.count - 1].submitted, mark.a)
            }
        case .written: written = max(written, bounded(mark))
        case .durable:
            durable = max(durable, bounded(mark))
            written = max(written, durable)
        case .dropping: highestFirst = max(highestFirst, mark.a)
        case .dropped: settleFirst(mark.a)
        case .cutting:
            pendingCut = mark.a
            checkpoints.beginCut(after: mark.a)
        case .cut:
            settleCut(at: mark.a)
            durable = mark.a
            written = mark.a
            checkpoints.finishCut(after: mark.a)
            open(mark.generation, first: mark.a + 1)
        case .changing: checkpoints.begin(CheckpointChange(mark))
        case .changed: checkpoints.finish(CheckpointChange(mark))
        case .failed: break
        }
    }

    /// The log was opened and found to end at `last`; `isDurable` if all of it was then synced.
    mutating func found(last: UInt64, isDurable: Bool) {
        if pendingCut == last { settleCut(at: last) }
        pendingCut = nil
        durable = isDurable ? last : min(durable, last)
        written = last
    }

    /// The only generation whose event an LSN can be; nil if it has not submitted it.
    func owner(of lsn: UInt64) -> UInt64? {
        guard let owner = generations.last(where: { $0.first <= lsn }), lsn <= owner.submitted else { return nil }
        return owner.number
    }

    /// Whether the log may end at `last`.
    func checkEnd(_ last: UInt64, survived: Survival) throws(Violation) {
        let needed = survived == .kill ? written : durable
        if last < needed, last != pendingCut {
            throw .lost(needed - last, "the log ends at \(last), acknowledged was \(needed)")
        }
    }

    /// An acknowledgement may come from a thread that doesn't know of a cut yet: it is for what was before that.
    private func bounded(_ mark: Mark) -> UInt64 {
        guard let newest = generations.last, mark.generation < newest.number else { return mark.a }
        return min(mark.a, newest.first - 1)
    }

    private mutating func begin(_ number: UInt64, next: UInt64) {
        do throws(Violation) {
            try checkEnd(next - 1, survived: .kill)
        } catch {
            if violation == nil { violation = error }
        }
        found(last: next - 1, isDurable: false)
        open(number, first: next)
    }

    /// What was allowed to go before, and did not, must stay: the low mark is on stable storage.
    private mutating func settleFirst(_ lsn: UInt64) {
        lowestFirst = max(lowestFirst, lsn)
        highestFirst = lowestFirst
    }

    private mutating func settleCut(at lsn: UInt64) {
        pendingCut = nil
        durable = min(durable, lsn)
        written = min(written, lsn)
        cutPoints.insert(lsn)
    }

    private mutating func open(_ number: UInt64, first: UInt64) {
        newestGeneration = max(newestGeneration, number)
        generations.removeAll { $0.first >= first }
        generations.append(Generation(number: number, first: first, submitted: first - 1))
    }
}

/// What a stop leaves.
enum Survival {
    /// All that was written.
    case kill
    /// What was durable.
    case powerCut
}
