import WalPlatform

// Bytes on a terminal: what it would obey instead of showing it is spelled out.

extension OutputBuffer {
    /// Appends bytes for people to read: valid UTF-8 and tabs as they are; control characters (C0, DEL, C1), those that turn the
    /// direction of writing, and bytes that are no UTF-8 as escapes.
    mutating func appendReadable(_ bytes: UnsafeRawBufferPointer) throws(ProcessStream.Failure) {
        var (done, index) = (0, 0)
        while index < bytes.count {
            let character = UTF8Scan.character(in: bytes, at: index)
            let next = index + character.length
            if let escape = character.escape(bytes[index]) {
                try append(UnsafeRawBufferPointer(rebasing: bytes[done..<index]))
                try append(escape)
                done = next
            }
            index = next
        }
        try append(UnsafeRawBufferPointer(rebasing: bytes[done...]))
    }

    /// The same for an array.
    mutating func appendReadable(_ bytes: [UInt8]) throws(ProcessStream.Failure) {
        try bytes.span.bytes.withUnsafeBytes { (bytes) throws(ProcessStream.Failure) in try appendReadable(bytes) }
    }
}

/// Steps over UTF-8 one character at a time.
struct UTF8Scan {
    /// Bytes it takes, at least 1.
    var length: Int
    /// Nil if they are no UTF-8.
    var scalar: Unicode.Scalar?

    /// What begins at a place: a whole character, or one byte that begins none.
    static func character(in bytes: UnsafeRawBufferPointer, at index: Int) -> UTF8Scan {
        let first = bytes[index]
        let (length, least): (Int, UInt32) =
            switch first {
            case 0..<0x80: (1, 0)
            case 0xC2..<0xE0: (2, 0x80)
            case 0xE0..<0xF0: (3, 0x800)
            case 0xF0..<0xF5: (4, 0x10000)
            default: (0, 0)
            }
        guard length > 1 else {
            return UTF8Scan(length: 1, scalar: length == 1 ? Unicode.Scalar(first) : nil)
        }
        guard bytes.count - index >= length else { return UTF8Scan(length: 1, scalar: nil) }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for byte in bytes[index + 1..<index + length] {
            guard byte & 0xC0 == 0x80 else { return UTF8Scan(length: 1, scalar: nil) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        // Overlong forms and surrogates are no UTF-8 either.
        guard value >= least, let scalar = Unicode.Scalar(value) else { return UTF8Scan(length: 1, scalar: nil) }
        return UTF8Scan(length: length, scalar: scalar)
    }

    /// What to show in its place, if it can't be shown itself; `first` is its first byte.
    fileprivate func escape(_ first: UInt8) -> String? {
        guard let scalar else { return "\\x" + hex(UInt32(first), digits: 2) }
        switch scalar.value {
        case 0x09: return nil
        case 0x00..<0x20, 0x7F: return "\\x" + hex(scalar.value, digits: 2)
        case 0x80..<0xA0, 0x2028...0x202E, 0x2066...0x2069: return "\\u{" + hex(scalar.value, digits: 2) + "}"
        default: return nil
        }
    }

    private func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
