import WalPlatform

extension LogCursor {
    /// The cursor is about to wait, its last run used up: frees a large buffer.
    package func rest() {
        reader?.window.rest()
    }
}

extension LogStore {
    /// A reader that goes on, as its end is moved on by `extend`, with what is written after it was made. Starts with an end
    /// before every event; `from` may be of an event that is not written yet, 0 means the oldest kept. Throws `truncated`.
    package func followingCursor(from: UInt64, access: ReadAccess? = nil) throws(WalError) -> LogCursor {
        let (first, cuts) = catalog.withLock { (firstLSN, $0.cuts.generation) }
        if from > 0, from < first {
            throw WalError(
                .truncated, "LSN \(from) was truncated away; the oldest event kept is \(first)", path: directory,
                lsns: LSN(from)...LSN(first - 1))
        }
        return LogCursor(
            self, from: from == 0 ? first : from, through: 0, access: access ?? options.readAccess, cuts: cuts,
            follows: true)
    }
}
