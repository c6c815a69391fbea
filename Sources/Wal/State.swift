extension WriteAheadLog {
    /// What a log is going through: initializing → running → draining → closed; or failed, until it is closed.
    public enum State: String, Sendable, Hashable {
        /// Being opened. The object exists only after that, so nobody sees a log in it.
        case initializing
        /// Everything works, but that appends are refused while the disk is full, or a segment can't be made that is needed.
        /// Also of a log opened for reading.
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
