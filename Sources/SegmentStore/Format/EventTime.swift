/// A moment in nanoseconds since 1970-01-01T00:00:00Z, without leap seconds; the range is about the years 1678 to 2262.
public struct EventTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the start of 1970, UTC.
    public var nanosecondsSince1970: Int64

    /// Makes a moment.
    @inlinable
    public init(nanosecondsSince1970: Int64) {
        self.nanosecondsSince1970 = nanosecondsSince1970
    }

    /// Whether one moment is earlier than another.
    @inlinable
    public static func < (left: EventTime, right: EventTime) -> Bool {
        left.nanosecondsSince1970 < right.nanosecondsSince1970
    }
}
