/// The names in a directory, in no particular order, as the bytes the system gives: who looks for some of many names need not
/// pay for a string of each.
package struct DirectoryNames: Sendable {
    /// The names, one behind the other.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    package init() {}

    package init(_ names: some Sequence<String>) {
        for name in names { append(name) }
    }

    package var count: Int { ends.count }

    package mutating func append(_ name: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
    }

    package mutating func append(_ name: String) {
        bytes.append(contentsOf: name.utf8)
        ends.append(bytes.count)
    }

    package mutating func removeAll() {
        bytes.removeAll()
        ends.removeAll()
    }

    /// Calls `body` with each name; the bytes are valid during the call only.
    package func forEach(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in ends {
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }

    /// The same as strings. What is not UTF-8 in a name is replaced.
    package var strings: [String] {
        var strings: [String] = []
        strings.reserveCapacity(count)
        forEach { strings.append(String(decoding: $0, as: UTF8.self)) }
        return strings
    }
}
