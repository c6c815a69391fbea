/// A 128-bit digest of every name, size and byte on a simulated disk, to show that nothing changed.
///
/// Two disks with equal contents have equal fingerprints within one version of this package; it is not a cryptographic
/// digest and not for keeping.
public struct DiskFingerprint: Sendable, Hashable, CustomStringConvertible {
    private var low: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var high: UInt64 = 0xD6E8_FEB8_6659_FD93

    init() {}

    mutating func combine(_ word: UInt64) {
        low = (low ^ word) &* 0xFF51_AFD7_ED55_8CCD
        low ^= low >> 32
        high = (high &+ word) &* 0xC4CE_B9FE_1A85_EC53
        high ^= high >> 29
    }

    /// Takes in the length and the bytes, eight at a time.
    mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        combine(UInt64(bytes.count))
        var offset = 0
        while offset + 8 <= bytes.count {
            combine(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < bytes.count {
            combine(UInt64(bytes[offset]))
            offset += 1
        }
    }

    mutating func combine(_ text: String) {
        var text = text
        text.withUTF8 { combine(UnsafeRawBufferPointer($0)) }
    }

    /// The digest as 32 hexadecimal digits.
    public var description: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
