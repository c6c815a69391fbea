/// All that changed on a simulated disk from the start of a recording, with the caller's marks in their places.
package struct DiskTrace: Sendable {
    enum Event: Sendable {
        case operation(DiskOperation)
        case mark(TraceMark)

        /// Whether each disk that a crash behind it leaves is one that a crash before it leaves, and right if that is.
        var addsNoState: Bool {
            switch self {
            case .operation(let operation): operation.onlyRemovesStates
            case .mark(let mark): mark.isPermission
            }
        }
    }

    /// The disk at the start of the recording.
    let base: DiskModel
    /// What earlier lives had marked.
    let earlierMarks: [TraceMark]
    var events: [Event] = []

    /// The number of events; crash points are counted from 0 to this.
    package var count: Int { events.count }
}
