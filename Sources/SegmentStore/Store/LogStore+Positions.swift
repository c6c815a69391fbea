import Synchronization
import WalPlatform

extension LogStore {
    /// The position of an event that is in the file, or of the one before the first.
    ///
    /// Of the event before the first the incarnation isn't known, and is given as 0. Reads the header of a frame, unless the
    /// event is the newest. Where that can't be read, see `PositionEvidence`. Throws `truncated` and `notYetWritten` outside
    /// firstLSN − 1 … writtenLSN, and what reading throws, but for damage.
    package func position(of lsn: UInt64) throws(WalError) -> Position {
        switch try evidence(of: lsn) {
        case .exact(let position): return position
        case .between(_, let behind):
            return Position(lsn: LSN(lsn), epoch: behind.epoch, incarnation: behind.incarnation ?? 0)
        }
    }

    /// The same, with what is known of an event whose frame can't be read.
    private func evidence(of lsn: UInt64) throws(WalError) -> PositionEvidence {
        do throws(WalError) {
            return .exact(try readPosition(of: lsn))
        } catch {
            guard error.isOfDamage, let lost = error.lsns else { throw error }
            return try evidence(around: lost, lsn)
        }
    }

    private func readPosition(of lsn: UInt64) throws(WalError) -> Position {
        if lsn == 0 { return .start }
        let (first, last, epochBefore, newest) = catalog.withLock { catalog in
            (firstLSN, writtenLSN, catalog.epochBeforeFirst, catalog.active?.publishedMark)
        }
        if lsn == first - 1 { return Position(lsn: LSN(lsn), epoch: epochBefore, incarnation: 0) }
        if let newest, newest.lsn == lsn, lsn == last, lsn >= newest.segment {
            return Position(lsn: LSN(lsn), epoch: newest.epoch, incarnation: newest.incarnation)
        }
        guard lsn <= last else {
            throw WalError(
                .notYetWritten, "LSN \(lsn) is not yet written; the newest event is \(last)", path: directory,
                lsns: LSN(lsn)...LSN(lsn))
        }
        var cursor = try cursor(from: lsn, through: lsn, access: .read)
        cursor.readsHeadersOnly = true
        guard try cursor.nextRun(after: nil) != nil else {
            throw WalError(.stalePosition, "LSN \(lsn) was cut off", path: directory, lsns: LSN(lsn)...LSN(lsn))
        }
        return Position(lsn: LSN(lsn), epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    /// Throws `stalePosition` unless the frame that holds the event bears the position's epoch and incarnation.
    ///
    /// LSN 0, before all events, is always valid. Of the event before the first kept only the epoch is known, and checked.
    /// Below that it throws `truncated`; above the newest `notYetWritten` if the event may still come, else `stalePosition`.
    /// Costs what ``position(of:)`` does.
    package func check(_ position: Position) throws(WalError) {
        let lsn = position.lsn.rawValue
        if lsn == 0 { return }
        let found: PositionEvidence
        do throws(WalError) {
            found = try evidence(of: lsn)
        } catch {
            // An event that was there under an earlier life, and is not any more, does not come again.
            guard error.code == .notYetWritten, !mayStillCome(position) else { throw error }
            throw stale(position, "the log ends at LSN \(writtenLSN)")
        }
        switch found {
        case .exact(let found):
            guard found.epoch == position.epoch, found.incarnation == position.incarnation || lsn == firstLSN - 1
            else { throw stale(position, "the log has \(found) there") }
        case .between(let before, let behind):
            guard before.mayPrecede(position), behind.mayFollow(position) else {
                throw stale(
                    position,
                    "its frame can't be read, and the log has epoch \(before.epoch) before and \(behind.epoch) behind it"
                )
            }
        }
    }

    private func mayStillCome(_ position: Position) -> Bool {
        let life = catalog.withLock { $0.life }
        // The writer of a log opened for reading may have gone on since.
        return position.epoch == life.epoch
            ? position.incarnation == life.incarnation : options.readOnly && position.epoch > life.epoch
    }

    private func stale(_ position: Position, _ found: String) -> WalError {
        WalError(
            .stalePosition,
            "the position \(position) is of an event that was cut off, or of another copy of the log: \(found); "
                + "rebuild what was derived from it, from an older position or the beginning",
            path: directory, lsns: position.lsn...position.lsn)
    }

    // MARK: Cuts

    /// The epoch under which is written now.
    package var epoch: UInt32 { catalog.withLock { $0.life.epoch } }

    /// Rises whenever events are cut off.
    package var cuts: UInt64 { cutGeneration.load(ordering: .acquiring) }

    /// The last event that all cuts since one of the values of `cuts` have kept; nil if there were none.
    package func lowestCut(since cuts: UInt64) -> UInt64? { catalog.withLock { $0.cuts.lowest(since: cuts) } }
}
