/// Takes numbers and bytes from the front of an input; zeros once it is used up.
struct InputReader {
    private var rest: ArraySlice<UInt8>

    init(_ input: [UInt8]) {
        rest = input[...]
    }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
        var number: Number = 0
        for index in 0..<MemoryLayout<Number>.size { number |= Number(truncatingIfNeeded: byte()) << (8 * index) }
        return number
    }

    /// A number below `count`, or 0 if that is 0.
    mutating func number(below count: Int) -> Int {
        count <= 0 ? 0 : Int(number(UInt16.self)) % count
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        let bytes = Array(rest.prefix(count))
        rest.removeFirst(bytes.count)
        return bytes
    }

    mutating func remainder() -> [UInt8] { bytes(rest.count) }
}
