extension WalError.Code {
    /// The log is draining: it takes no more events.
    ///
    /// Open it again once it is closed.
    public static let draining = Self("draining")
    /// `close()` dropped the event, or what the caller waited for, before it was written.
    public static let discarded = Self("discarded")
    /// The queue is full and the log is one that fails then; try again later.
    public static let queueFull = Self("queue-full")
    /// The queue is full and the log is one that drops then: the event is lost and has no LSN.
    public static let dropped = Self("dropped")
    /// The deadline passed.
    public static let timedOut = Self("timed-out")
    /// The task was cancelled while it waited.
    ///
    /// An event that had been accepted stays accepted.
    public static let cancelled = Self("cancelled")
    /// The newest LSN assigned is not the one the caller expected; `lsns` holds the newest.
    public static let unexpectedLSN = Self("unexpected-lsn")
    /// This process was forked from the one that opened the log, to which the log belongs.
    ///
    /// Every call throws it; closing closes descriptors and nothing else. A log that is opened here works: another one, or this
    /// one once the other process has closed it.
    public static let forked = Self("forked")
    /// The system refused a thread.
    public static let noThread = Self("no-thread")
}
