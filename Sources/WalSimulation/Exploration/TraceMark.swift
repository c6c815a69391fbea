/// What the caller tells the trace between the disk's changes; the oracle judges a crash state by the marks before it.
package enum TraceMark: Sendable, Hashable {
    /// A value was handed to the software under test, and may be found after a crash from here on.
    case submit(UInt64)
    /// A value was reported durable, and must be found after a crash from here on.
    case acknowledge(UInt64)
    /// Values below this one may go.
    case allowTruncation(UInt64)
    /// Anything else that allows more than before.
    case permission(kind: Int, value: UInt64)
    /// Anything else that asks for more than before.
    case promise(kind: Int, value: UInt64)

    /// Whether every disk that is right before the mark is right behind it; if not, the other way round.
    package var isPermission: Bool {
        switch self {
        case .submit, .allowTruncation, .permission: true
        case .acknowledge, .promise: false
        }
    }
}
