/// What a replay does after an event.
public enum ReplayStep: Sendable, Hashable {
    /// Goes on with the next event.
    case `continue`
    /// Ends the replay.
    case stop
}
