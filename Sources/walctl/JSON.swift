import WalPlatform

/// A JSON value whose objects keep the order of their members, so that output is the same on every run.
enum JSON {
    case null
    case bool(Bool)
    case integer(Int)
    case unsigned(UInt64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    /// A string, or null.
    static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

    /// The value on one line.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .unsigned(let value): String(value)
        case .number(let value): value.isFinite ? String(value) : "null"
        case .string(let value): Self.quoted(value)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\0"..<" ", "\u{7F}"..."\u{9F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension OutputBuffer {
    /// Appends `"name":"text"` if the bytes are UTF-8, else `"name":"base64"` and `"<encodingName>":"base64"`.
    mutating func appendMember(
        _ name: StaticString, encodingName: StaticString, _ bytes: UnsafeRawBufferPointer
    ) throws(ProcessStream.Failure) {
        try append(UInt8(ascii: "\""))
        try append(name)
        try append("\":\"" as StaticString)
        if isUTF8(bytes) {
            try appendEscaped(bytes)
            try append(UInt8(ascii: "\""))
        } else {
            try appendBase64(bytes)
            try append("\",\"" as StaticString)
            try append(encodingName)
            try append("\":\"base64\"" as StaticString)
        }
    }

    private mutating func appendEscaped(_ bytes: UnsafeRawBufferPointer) throws(ProcessStream.Failure) {
        var done = 0
        for index in bytes.indices where needsEscape(bytes, index) {
            try append(UnsafeRawBufferPointer(rebasing: bytes[done..<index]))
            done = index + 1
            switch bytes[index] {
            // DEL and C1, which JSON allows and a terminal obeys; of C1 this is the first of two bytes, and the second is its number.
            case 0xC2:
                try append("\\u00" as StaticString)
                try appendHex(UnsafeRawBufferPointer(rebasing: bytes[done...done]))
                done += 1
            case 34: try append("\\\"" as StaticString)
            case 92: try append("\\\\" as StaticString)
            case 10: try append("\\n" as StaticString)
            case 13: try append("\\r" as StaticString)
            case 9: try append("\\t" as StaticString)
            default:
                try append("\\u00" as StaticString)
                try appendHex(UnsafeRawBufferPointer(rebasing: bytes[index...index]))
            }
        }
        try append(UnsafeRawBufferPointer(rebasing: bytes[done...]))
    }

    /// The bytes are UTF-8: behind 0xC2 comes another.
    private func needsEscape(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        switch bytes[index] {
        case 0..<32, 34, 92, 0x7F: true
        case 0xC2: bytes[index + 1] < 0xA0
        default: false
        }
    }

    /// Appends two lower-case digits for each byte.
    mutating func appendHex(_ bytes: UnsafeRawBufferPointer) throws(ProcessStream.Failure) {
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] { try append(digit < 10 ? 48 + digit : 87 + digit) }
        }
    }

    private mutating func appendBase64(_ bytes: UnsafeRawBufferPointer) throws(ProcessStream.Failure) {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            var word: UInt32 = 0
            for place in 0..<3 { word = word << 8 | (place < count ? UInt32(bytes[index + place]) : 0) }
            for place in 0..<4 {
                let digit = Int(word >> UInt32(18 - 6 * place)) & 63
                try append(place <= count ? alphabet.utf8Start[digit] : 61)
            }
            index += count
        }
    }
}

private func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // Most events are plain ASCII, which is quick to see.
    bytes.allSatisfy { $0 < 128 }
        || bytes.withMemoryRebound(to: UInt8.self) { String(validating: $0, as: UTF8.self) != nil }
}
