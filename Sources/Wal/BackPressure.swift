/// What an append does when the queue is full.
public enum BackPressure: Sendable, Hashable {
    /// It waits for room: the synchronous form blocks its thread, the `async` one suspends.
    case block
    /// It throws `queueFull`.
    case fail
    /// It throws `dropped`; the event is lost, counted in ``Statistics/droppedEvents`` and told to the observer.
    case drop
}
