import WalPlatform

/// What is known of the epoch and incarnation under which an event was written.
///
/// Epochs never fall along a log. So where the frame of an event can't be read, but the readable ones on both sides of the damage
/// bear the same epoch and incarnation, it bears them too, and its position is as good as any. Where they differ, its position is
/// given with those of the first readable frame behind, and one that was stored is valid if it lies between the two. A frame that
/// becomes readable again, out of a backup, decides: it may show that such a position is stale.
enum PositionEvidence {
    /// What a readable frame, or one on each side, bears.
    struct Life {
        var epoch: UInt32
        /// Nil: not known.
        var incarnation: UInt64?

        func mayPrecede(_ position: Position) -> Bool {
            epoch < position.epoch || isThat(of: position)
        }

        func mayFollow(_ position: Position) -> Bool {
            epoch > position.epoch || isThat(of: position)
        }

        private func isThat(of position: Position) -> Bool {
            epoch == position.epoch && incarnation ?? position.incarnation == position.incarnation
        }
    }

    case exact(Position)
    case between(Life, Life)
}

extension WalError {
    /// Whether events can't be read because of it, and those behind them may be.
    var isOfDamage: Bool { [.corrupted, .missingSegment, .foreignFile].contains(code) }
}

extension LogStore {
    /// What is known of an event in the middle of damage.
    func evidence(around lost: ClosedRange<LSN>, _ lsn: UInt64) throws(WalError) -> PositionEvidence {
        let behind = try life(behind: max(lsn, lost.upperBound.rawValue))
        let before = try life(before: min(lsn, lost.lowerBound.rawValue))
        if before.epoch == behind.epoch, let incarnation = before.incarnation ?? behind.incarnation,
            behind.incarnation ?? incarnation == incarnation
        {
            return .exact(Position(lsn: LSN(lsn), epoch: before.epoch, incarnation: incarnation))
        }
        return .between(before, behind)
    }

    private func life(before lsn: UInt64) throws(WalError) -> PositionEvidence.Life {
        let (first, epoch) = catalog.withLock { (firstLSN, $0.epochBeforeFirst) }
        let unknown = PositionEvidence.Life(epoch: epoch, incarnation: nil)
        guard lsn > first else { return unknown }
        return try lifeOfReadable(lsn - 1) ?? unknown
    }

    /// Of the first readable frame behind an event, or of that event's own frame, where the next segment tells.
    private func life(behind lsn: UInt64) throws(WalError) -> PositionEvidence.Life {
        var last = lsn
        while last < writtenLSN {
            let next = last + 1
            if let said = try lifeSaid(before: next) { return said }
            do throws(WalError) {
                if let life = try lifeOf(next) { return life }
                break
            } catch {
                guard error.isOfDamage, let end = error.lsns?.upperBound.rawValue, end > last else { throw error }
                last = end
            }
        }
        let (life, newest) = catalog.withLock { ($0.life, $0.active?.publishedMark) }
        if let newest, newest.lsn == writtenLSN, newest.lsn >= newest.segment {
            return .init(epoch: newest.epoch, incarnation: newest.incarnation)
        }
        return .init(epoch: life.epoch, incarnation: life.incarnation)
    }

    /// Nil if its frame can't be read.
    private func lifeOfReadable(_ lsn: UInt64) throws(WalError) -> PositionEvidence.Life? {
        do throws(WalError) {
            return try lifeOf(lsn)
        } catch {
            guard error.isOfDamage else { throw error }
            return nil
        }
    }

    private func lifeOf(_ lsn: UInt64) throws(WalError) -> PositionEvidence.Life? {
        var cursor = try cursor(from: lsn, through: lsn, access: .read)
        cursor.readsHeadersOnly = true
        guard try cursor.nextRun(after: nil) != nil else { return nil }
        return .init(epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    /// What the header of a segment that begins with an event says of the one before it.
    private func lifeSaid(before lsn: UInt64) throws(WalError) -> PositionEvidence.Life? {
        let segment = catalog.withLock { catalog in catalog.position(of: lsn).map { catalog.segments[$0] } }
        guard let segment, segment.base == lsn else { return nil }
        let headers = HeaderReader(storage: storage, directory: directory)
        do throws(WalError) {
            guard case .intact(let header) = try headers.read(segment, identity: identity),
                header.sequence == segment.sequence, header.predecessor.lastLSN == lsn - 1
            else { return nil }
            return .init(epoch: header.predecessor.epoch, incarnation: header.predecessor.incarnation)
        } catch {
            guard error.isOfDamage || error.code == .notFound else { throw error }
            return nil
        }
    }

    /// The first event at or behind `lsn` that can be read; one above `writtenLSN` if there is none. 0 stands for the oldest.
    ///
    /// Reads the frame of that event, and of those before it as much as shows that they are damaged. Throws what
    /// `cursor(from:through:)` throws, but for damage.
    package func firstReadable(from lsn: UInt64) throws(WalError) -> UInt64 {
        var next = lsn == 0 ? firstLSN : lsn
        while true {
            var cursor = try cursor(from: next, through: next, access: .read)
            do throws(WalError) {
                _ = try cursor.nextRun(after: nil)
                return next
            } catch {
                guard error.isOfDamage, let lost = error.lsns?.upperBound.rawValue, lost >= next, lost < .max else {
                    throw error
                }
                next = min(lost, writtenLSN) + 1
            }
        }
    }
}
