import Synchronization
import WalPlatform

/// A cursor beside truncate(after:): what lies up to the cut it goes on to give out, from the old file or the new one; behind
/// that it is stale.
extension LogCursor {
    /// Whether there are cuts it has not taken note of.
    package var isUnawareOfCut: Bool { store.cutGeneration.load(ordering: .acquiring) != cuts }

    /// Takes note of the cuts made since the last look. One atomic load where there was none.
    ///
    /// The events given out so far end before `wanted`. Throws `stalePosition` if one of them was cut off.
    mutating func noteCuts() throws(WalError) {
        guard store.cutGeneration.load(ordering: .acquiring) != cuts else { return }
        try takeCuts(before: wanted)
        // The file may have been replaced, and what is written from now on goes into the new one.
        leaveSegment()
    }

    /// Whether an event of a frame that is being given out may still be. Throws `stalePosition` if one before it was cut off
    /// meanwhile; false if it was itself, where the cursor ends then.
    ///
    /// `run` is what is left of the frame, behind the event.
    package mutating func mayGive(_ lsn: UInt64, before run: inout RecordRun) throws(WalError) -> Bool {
        guard !store.options.readOnly, store.cutGeneration.load(ordering: .acquiring) != cuts else { return true }
        do throws(WalError) {
            try takeCuts(before: lsn)
        } catch {
            end()
            throw error
        }
        run.keep(through: through)
        wanted = min(wanted, through + 1)
        // The run lies in its memory: it is left when the run is used up.
        mustSeek = true
        return lsn <= through
    }

    private mutating func takeCuts(before next: UInt64) throws(WalError) {
        let (generation, lowest) = store.catalog.withLock { ($0.cuts.generation, $0.cuts.lowest(since: cuts)) }
        cuts = generation
        let hasGiven = next > from || epoch > 0
        if store.options.readOnly {
            // Another process has cut the log, and which events is not known.
            if hasGiven {
                try store.check(Position(lsn: LSN(next - 1), epoch: epoch, incarnation: incarnation))
            }
            through = min(through, store.writtenLSN)
            cutEpoch = store.cutEpoch.load(ordering: .acquiring)
            // What was given out is still there: the new file may be entered.
            entered = nil
            return
        }
        guard let lowest else { return }
        // One that follows may begin with an event that is not written yet.
        guard next <= lowest + 1 || (follows && !hasGiven) else { throw stale(next) }
        through = min(through, lowest)
    }

    func stale(_ next: UInt64) -> WalError {
        WalError(
            .stalePosition,
            "events that were being read, up to LSN \(next - 1), were cut off by truncate(after:)",
            path: store.directory,
            lsns: LSN(next - 1)...LSN(next - 1))
    }

    /// Whether an error may come from a cut that was under way, and reading is to be tried again.
    ///
    /// Where another process has cut the log since it was last looked at, it is looked at again: what was given out may still be
    /// there. Throws what that throws.
    func wasCutMeanwhile() throws(WalError) -> Bool {
        // Under the lock, under which a file is replaced.
        if store.catalog.withLock({ $0.cuts.generation }) != cuts { return true }
        guard store.options.readOnly, let facts = headers.fileFacts(),
            facts.cutEpoch > cutEpoch || store.isOvertaken(by: facts)
        else { return false }
        try store.lookAgain()
        if store.catalog.withLock({ $0.cuts.generation }) != cuts { return true }
        throw WalError(
            .stalePosition, "the log was cut by its writer while it was being read; refresh and begin again",
            path: store.directory, lsns: LSN(wanted)...LSN(max(wanted, through)))
    }
}

/// A cursor beside a writer in another process.
extension LogCursor {
    /// Whether an error may come of what the writer was doing to the file, and reading is to be tried again from it as it is now.
    ///
    /// Throws `truncated` if the event wanted is not kept any more.
    mutating func mustLookAgain(_ error: WalError) throws(WalError) -> Bool {
        guard store.options.readOnly, error.mayBeOfMotion else { return false }
        let facts = headers.fileFacts()
        if let facts, wanted < facts.firstLSN { throw truncatedAway(wanted, oldest: facts.firstLSN) }
        guard !looks.confirms(error, under: facts) else { return false }
        leaveSegment()
        return true
    }
}

extension LogStore {
    /// A reader of the events behind a position, up to `through`, which is clamped to what is written.
    ///
    /// Throws what ``check(_:)`` and ``cursor(from:through:access:)`` throw. LSN 0 stands for the oldest.
    package func cursor(
        after position: Position, through: UInt64, access: ReadAccess? = nil
    ) throws(WalError) -> LogCursor {
        let lsn = position.lsn.rawValue
        if lsn == 0 { return try cursor(from: 0, through: through, access: access) }
        guard lsn < LSN.max.rawValue, lsn <= writtenLSN else {
            try check(position)
            return try cursor(from: lsn + (lsn < UInt64.max ? 1 : 0), through: through, access: access)
        }
        // The cursor first: it hears of a cut that comes after the check.
        var cursor = try cursor(from: lsn + 1, through: through, access: access)
        try check(position)
        cursor.begin(after: position)
        return cursor
    }
}
