/// The names in a directory, in no particular order, as the bytes the system gives: who looks for some of many names need not
/// pay for a string of each.
package struct DirectoryNames: Sendable {
    /// The names, one behind the other, each behind its length in two bytes.
    private var packed: [UInt8] = []
    package private(set) var count = 0

    package init() {}

    package init(_ names: some Sequence<String>) {
        for name in names { append(name) }
    }

    package mutating func append(_ name: String) {
        var name = name
        name.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(_ name: UnsafeRawBufferPointer) {
        // No system has longer ones.
        let length = UInt16(clamping: name.count)
        packed.append(UInt8(truncatingIfNeeded: length))
        packed.append(UInt8(truncatingIfNeeded: length >> 8))
        packed.append(contentsOf: name.prefix(Int(length)))
        count += 1
    }

    /// Adds names that are packed as these are.
    mutating func append(packed names: UnsafeRawBufferPointer, count: Int) {
        packed.append(contentsOf: names)
        self.count += count
    }

    mutating func reserve(byteCount: Int) { packed.reserveCapacity(byteCount) }

    package mutating func removeAll() { self = DirectoryNames() }

    /// Calls `body` with each name; the bytes are valid during the call only.
    package func forEach(_ body: (UnsafeRawBufferPointer) -> Void) {
        packed.withUnsafeBytes { packed in
            var start = 0
            while start < packed.count {
                let end = start + 2 + Int(packed[start]) + Int(packed[start + 1]) << 8
                body(UnsafeRawBufferPointer(rebasing: packed[start + 2..<end]))
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
