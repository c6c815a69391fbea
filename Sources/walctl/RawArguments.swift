import Wal
import WalPlatform

/// The arguments of the command as the system gave them. A path may hold bytes that are no UTF-8, which a string can't: two such
/// paths must not become one.
///
/// Each byte that is none stands in the strings that are parsed as a character that is nobody's; where a path is used the
/// byte is put back.
enum RawArguments {
    /// The first of the characters that stand for bytes, at the end of the last plane, all of which is for private use.
    private static let standIn: UInt32 = 0x10_FE00

    /// The arguments behind the command's name, and whether a byte of them had to be replaced.
    private static let all: (strings: [String], hasStandIns: Bool) = {
        let arguments = ProgramArguments.all.dropFirst()
        let isPlain = arguments.allSatisfy(isUTF8)
        return (arguments.map { isPlain ? String(decoding: $0, as: UTF8.self) : string(of: $0) }, !isPlain)
    }()

    /// What is to be parsed.
    static var strings: [String] { all.strings }

    /// A path that was parsed, as it was given.
    static func path(_ parsed: String) -> FilePath {
        guard all.hasStandIns else { return FilePath(parsed) }
        // No argument holds a zero.
        let text = bytes(parsed).map { CInterop.PlatformChar(truncatingIfNeeded: $0) } + [0]
        return text.withUnsafeBufferPointer { text in text.baseAddress.map { FilePath(platformString: $0) } ?? "" }
    }

    /// The same for a message: what is no UTF-8 is replaced.
    static func text(_ parsed: String) -> String {
        all.hasStandIns ? String(decoding: bytes(parsed), as: UTF8.self) : parsed
    }

    /// The bytes that were given.
    static func bytes(_ parsed: String) -> [UInt8] {
        guard all.hasStandIns else { return Array(parsed.utf8) }
        var bytes: [UInt8] = []
        for scalar in parsed.unicodeScalars {
            if scalar.value >= standIn + 0x80, scalar.value <= standIn + 0xFF {
                bytes.append(UInt8(scalar.value - standIn))
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            }
        }
        return bytes
    }

    private static func isUTF8(_ bytes: some Collection<UInt8>) -> Bool {
        String(decoding: bytes, as: UTF8.self).utf8.elementsEqual(bytes)
    }

    private static func string(of argument: [UInt8]) -> String {
        var string = String.UnicodeScalarView()
        var rest = argument[...]
        while let byte = rest.first {
            let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
            if isUTF8(rest.prefix(length)) {
                string.append(contentsOf: String(decoding: rest.prefix(length), as: UTF8.self).unicodeScalars)
                rest = rest.dropFirst(length)
            } else {
                if let scalar = Unicode.Scalar(standIn + UInt32(byte)) { string.append(scalar) }
                rest = rest.dropFirst()
            }
        }
        return String(string)
    }
}
