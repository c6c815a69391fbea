/// Whether two buffers hold the same bytes, eight at a time: `elementsEqual` goes byte by byte.
func haveEqualBytes(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard one.count == other.count else { return false }
    var offset = 0
    while offset + 8 <= one.count {
        let word = one.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        if word != other.loadUnaligned(fromByteOffset: offset, as: UInt64.self) { return false }
        offset += 8
    }
    while offset < one.count {
        if one[offset] != other[offset] { return false }
        offset += 1
    }
    return true
}
