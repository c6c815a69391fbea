extension WriteAheadLog {
    /// What a log is going through: initializing → running → draining → closed; or failed, until it is closed.
    public enum State: String, Sendable, Hashable {
        /// Being opened.
        case initializing
        /// Everything works.
        case running
        /// Shutting down: no more events are taken, those accepted are being made durable; reading works.
        case draining
        /// Closed. The directory is free.
        case closed
        /// A write or sync failed, so nobody knows what the disk holds: nothing more is taken or acknowledged. Reading
        /// works. Close the log and open it again.
        case failed
    }
}
