import WalSimulation

extension TraceMark {
    /// A life of the log began: an open succeeded, and events from this LSN on are this life's.
    static func lifeBegan(at lsn: UInt64) -> Self { .promise(kind: 1, value: lsn) }
    /// A truncation was seen to be done.
    static func truncated(before lsn: UInt64) -> Self { .promise(kind: 2, value: lsn) }
    /// An open, a truncation or retention returned: this is the first event, on stable storage, and what was allowed to go
    /// before, and did not, must stay.
    static func firstSettled(at lsn: UInt64) -> Self { .promise(kind: 8, value: lsn) }
    /// The events behind an LSN may be cut off from here on.
    static func cutBegan(after lsn: UInt64) -> Self { .permission(kind: 5, value: lsn) }
    /// These events are to be in one frame. They are not submitted yet, so that no disk before has any of them.
    static func batch(_ events: ClosedRange<UInt64>) -> Self {
        .permission(kind: 7, value: events.upperBound << 32 | events.lowerBound)
    }
    /// They were reported cut off: their LSNs belong to nobody, or to whoever writes next, who counts as another life.
    static func cutEnded(after lsn: UInt64) -> Self { .promise(kind: 6, value: lsn) }
}

/// What the marks before a crash say must, and may, be found after it.
struct History {
    struct Life {
        var first: UInt64
        var lastSubmitted: UInt64
    }

    /// Each open of the log, and each cut, begins one.
    private(set) var lives: [Life] = []
    /// The cut under way: the log may end there too.
    private(set) var pendingCut: UInt64?
    /// The newest event reported durable.
    private(set) var acknowledged: UInt64 = 0
    /// The first LSN kept: the lowest and the highest it can be.
    private(set) var lowestFirst: UInt64 = 1
    private(set) var highestFirst: UInt64 = 1
    /// Frames of several events, with the number of their life, from 1.
    private var batches: [(life: Int, events: ClosedRange<UInt64>)] = []
    /// Where a cut may have gone through a batch.
    private var cuts: Set<UInt64> = []

    init(_ marks: some Sequence<TraceMark>) {
        for mark in marks {
            switch mark {
            case .promise(kind: 1, let lsn):
                if pendingCut == lsn - 1 { acknowledged = min(acknowledged, lsn - 1) }
                pendingCut = nil
                lives.append(Life(first: lsn, lastSubmitted: lsn - 1))
            case .promise(kind: 2, let lsn): lowestFirst = max(lowestFirst, lsn)
            case .promise(kind: 8, let lsn):
                lowestFirst = max(lowestFirst, lsn)
                highestFirst = lowestFirst
            case .permission(kind: 5, let lsn):
                pendingCut = lsn
                cuts.insert(lsn)
            case .promise(kind: 6, let lsn):
                pendingCut = nil
                acknowledged = lsn
                lives.append(Life(first: lsn + 1, lastSubmitted: lsn))
            case .permission(kind: 7, let value):
                batches.append((lives.count, (value & 0xFFFF_FFFF)...(value >> 32)))
            case .promise, .permission: break
            case .submit(let lsn): lives[lives.count - 1].lastSubmitted = lsn
            case .acknowledge(let lsn): acknowledged = max(acknowledged, lsn)
            case .allowTruncation(let lsn): highestFirst = max(highestFirst, lsn)
            }
        }
    }

    /// Whether a cut has begun that was not reported done.
    static func isCutting(_ marks: some BidirectionalCollection<TraceMark>) -> Bool {
        for mark in marks.reversed() {
            switch mark {
            case .permission(kind: 5, _): return true
            case .promise(kind: 6, _), .promise(kind: 1, _): return false
            default: continue
            }
        }
        return false
    }

    /// A batch that would be there in part if the log ended here; none where a cut went through it.
    func batch(brokenAfter lsn: UInt64) -> ClosedRange<UInt64>? {
        guard !cuts.contains(lsn) else { return nil }
        return batches.last { batch in
            batch.events.lowerBound <= lsn && lsn < batch.events.upperBound
                && !lives[batch.life...].contains { $0.first <= batch.events.upperBound }
        }?.events
    }

    /// The only life whose event an LSN can be, 1 being the first; nil if that life has not submitted it.
    func owner(of lsn: UInt64) -> UInt64? {
        guard let index = lives.lastIndex(where: { $0.first <= lsn }), lsn <= lives[index].lastSubmitted else {
            return nil
        }
        return UInt64(index + 1)
    }
}
