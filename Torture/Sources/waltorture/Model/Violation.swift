/// Something that a log must never show.
struct Violation: Error, CustomStringConvertible {
    enum Kind {
        /// Something acknowledged is not there.
        case lost
        /// Something is there that must not be, or is not as it must be.
        case wrong
    }

    var kind: Kind
    var count: UInt64
    var description: String

    static func lost(_ count: UInt64, _ text: String) -> Self { Self(kind: .lost, count: count, description: text) }
    static func wrong(_ text: String) -> Self { Self(kind: .wrong, count: 1, description: text) }
}
