import Synchronization
import WalPlatform

extension LogStore {
    /// The position of an event: its LSN with epoch and incarnation of its frame. `.start` for 0.
    package func position(of lsn: UInt64) throws(WalError) -> Position {
        if lsn == 0 { return .start }
        if lsn + 1 == firstLSN {
            let epoch = syncState.withLock { $0.superblock.epochBeforeFirst }
            return Position(lsn: LSN(lsn), epoch: epoch, incarnation: 0)
        }
        var cursor = try cursor(from: lsn, through: lsn)
        guard try cursor.nextRun(after: nil) != nil else {
            throw WalError(.notYetWritten, "LSN \(lsn) is not yet written", path: directory, lsns: LSN(lsn)...LSN(lsn))
        }
        return Position(lsn: LSN(lsn), epoch: cursor.epoch, incarnation: cursor.incarnation)
    }

    /// Throws `stalePosition` unless the frame that holds the event bears the position's epoch and incarnation.
    package func check(_ position: Position) throws(WalError) {
        let lsn = position.lsn.rawValue
        if lsn == 0 { return }
        let found = try self.position(of: lsn)
        guard found.epoch == position.epoch, found.incarnation == position.incarnation || found.incarnation == 0 else {
            throw WalError(
                .stalePosition, "the position \(position) is stale: LSN \(lsn) is now another event's", path: directory,
                lsns: LSN(lsn)...LSN(lsn))
        }
    }
}
