/// A log sequence number: the position of one event in a log.
///
/// LSNs start at 1 (or at the start LSN a log was created with), are dense, and follow the order of the events in the
/// file. Zero is never the LSN of an event: it means "before the first".
public struct LSN: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number itself.
    public var rawValue: UInt64

    /// Makes an LSN of a number.
    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Makes an LSN of a number.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The position before every event.
    public static let zero = LSN(0)

    /// The largest LSN an event can have.
    public static let max = LSN(UInt64.max - 1)

    /// Whether one position comes before another.
    @inlinable
    public static func < (left: LSN, right: LSN) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension LSN: ExpressibleByIntegerLiteral {
    /// Makes an LSN of a literal number.
    @inlinable
    public init(integerLiteral value: UInt64) {
        rawValue = value
    }
}

extension LSN: CustomStringConvertible {
    /// The number in decimal digits.
    public var description: String { String(rawValue) }
}
