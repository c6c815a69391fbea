/// How a consumer runs; see ``WriteAheadLog/consume(_:options:restore:save:_:)``.
public struct ConsumerOptions: Sendable {
    /// A checkpoint is saved after this many events at the latest; at least 1.
    ///
    /// The default is 1000.
    public var checkpointEvery = 1000
    /// A checkpoint is saved this long after the first event behind the last one, also if no further event comes: a millisecond
    /// to a year.
    ///
    /// The default is ten seconds.
    public var checkpointInterval = Duration.seconds(10)
    /// When an event is given out. A checkpoint makes it durable in any case.
    ///
    /// The default is `.automatic`.
    public var delivery = Delivery.automatic
    /// Where a consumer starts that has no checkpoint yet; 0: with the oldest event kept.
    ///
    /// The default is 0.
    public var start: LSN = 0

    /// Makes options with the default values.
    public init() {}

    func validate() throws(WalError) {
        guard checkpointEvery >= 1 else {
            throw WalError(
                .invalidOption, "the option checkpointEvery can't be \(checkpointEvery); it must be at least 1")
        }
        guard checkpointInterval >= .milliseconds(1), checkpointInterval <= .seconds(86_400 * 365) else {
            throw WalError(
                .invalidOption,
                "the option checkpointInterval can't be \(checkpointInterval); it must be from a millisecond to a year")
        }
    }
}

/// How a consumer came to its end.
public struct ConsumerReport: Sendable, Hashable {
    /// Why it ended.
    public enum Reason: Sendable, Hashable {
        /// The consumer said so.
        case stopped
        /// The log was shut down, and its last event has been processed.
        case logEnded
    }

    /// Why it ended.
    public var reason: Reason
    /// The event it processed last; the checkpoint's if it processed none.
    public var processedLSN: LSN
    /// The event its checkpoint stands at. Those behind it, up to ``processedLSN``, will come again.
    public var checkpointLSN: LSN

    package init(reason: Reason, processedLSN: LSN, checkpointLSN: LSN) {
        self.reason = reason
        self.processedLSN = processedLSN
        self.checkpointLSN = checkpointLSN
    }
}
