/// When an event reaches those who follow the log.
public enum Delivery: Sendable, Hashable {
    /// Once it is durable; once it is written where the log's sync policy is ``SyncPolicy/never``.
    case automatic
    /// Once it is on stable storage: what was seen survives a power cut.
    case durable
    /// Once it is in the file: what was seen survives a kill of the process, but a power cut may take it back, and its LSN
    /// then goes to another event.
    case written
}

extension Delivery {
    /// With the choice made.
    func resolved(_ options: WriteAheadLog.Options) -> Delivery {
        guard self == .automatic else { return self }
        return options.sync == .never && !options.readOnly ? .written : .durable
    }
}
