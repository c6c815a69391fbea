import Foundation
import Testing

@Suite("walctl: on a terminal", .timeLimit(.minutes(10)))
struct TerminalTests {
    /// Opens a pseudo-terminal; returns the descriptor of its one side and the path of the other.
    private static func openTerminal() throws -> (CInt, path: String) {
        #if os(Linux)
        // Swift's view of the C library lacks posix_openpt and its kin: these are the calls they make.
        let main = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var (lock, number): (CInt, CInt) = (0, 0)
        try #require(main >= 0 && ioctl(main, 0x4004_5431, &lock) == 0 && ioctl(main, 0x8004_5430, &number) == 0)
        return (main, "/dev/pts/\(number)")
        #else
        let main = posix_openpt(O_RDWR | O_NOCTTY)
        try #require(main >= 0 && grantpt(main) == 0 && unlockpt(main) == 0)
        return (main, try #require(ptsname(main).map { String(cString: $0) }))
        #endif
    }

    /// Runs the tool with a pseudo-terminal as its output, and returns what a terminal would have got.
    private func output(_ arguments: String...) throws -> [UInt8] {
        let (main, path) = try Self.openTerminal()
        defer { close(main) }
        let process = Process()
        process.executableURL = Tool.executable
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        do {
            let other = open(path, O_RDWR | O_NOCTTY)
            try #require(other >= 0)
            let handle = FileHandle(fileDescriptor: other, closeOnDealloc: true)
            process.standardOutput = handle
            process.standardError = FileHandle.nullDevice
            try process.run()
            try handle.close()
        }
        // Ends with an error once nobody has the other side open.
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = read(main, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return bytes
    }

    private static let steering: [UInt8] =
        Array("\u{1b}]0;title\u{7} tab\there, \r\u{8}\u{7f}\u{85}\u{9b}2J \u{202e}abc ".utf8) + [
            0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x90,
        ]

    @Test func `cat shows what a terminal would obey as escapes, and text as it is`() throws {
        let folder = try Folder()
        let text = "ä € 😀 👩‍👩‍👧 עברית\ttab"
        let input = Data(Self.steering) + Data("\n\(text)\n".utf8)
        #expect(try Tool.run("append", folder.log, input: input).status == 0)
        let shown = try output("cat", folder.log)
        let lines = String(decoding: shown, as: UTF8.self).split(separator: "\r\n")
        try #require(lines.count == 2)
        #expect(
            lines[0]
                == "\\x1b]0;title\\x07 tab\there, \\x0d\\x08\\x7f\\u{85}\\u{9b}2J \\u{202e}abc \\xff\\xc3(\\xed\\xa0\\x80\\x90"
        )
        #expect(lines[1] == text)
        // In a pipe or a file, byte for byte.
        #expect(try Tool.run("cat", folder.log).output == input)
    }

    @Test func `no output on a terminal has control characters in it, of whatever bytes`() throws {
        var random = Random()
        let folder = try Folder()
        // Mostly those that begin, go on with or end something.
        let likely: [UInt8] = [
            0x1b, 0xc2, 0x9b, 0x85, 0xe2, 0x80, 0xae, 0xf0, 0x9f, 0xff, 0x7f, 0x08, 0x61, 0x5b, 0xed, 0xc0,
        ]
        var input = Data()
        for _ in 0..<3000 {
            for _ in 0..<random.next() % 12 {
                let byte =
                    random.next() % 4 == 0 ? UInt8(truncatingIfNeeded: random.next()) : likely[Int(random.next() % 16)]
                input.append(byte == 10 ? 0 : byte)
            }
            input.append(10)
        }
        #expect(try Tool.run("append", folder.log, "--meta", "\u{1b}[2J\u{9b}", input: input).status == 0)
        let state = try folder.file("state", input)
        #expect(
            try Tool.run("checkpoint", "set", folder.log, "a", "--lsn", "3", "--state-file", state.path).status == 0)
        for shown in [
            try output("cat", folder.log), try output("cat", folder.log, "--json"),
            try output("cat", folder.log, "--hex"),
            try output("checkpoint", "get", folder.log, "a", "--state"),
            try output("checkpoint", "get", folder.log, "a", "--json"),
        ] {
            let text = try #require(String(validating: shown, as: UTF8.self))
            let bad = text.unicodeScalars.filter { scalar in
                scalar.properties.generalCategory == .control && !"\r\n\t".unicodeScalars.contains(scalar)
            }
            #expect(bad.isEmpty, "\(bad)")
        }
    }

    @Test func `a follower whose reader has gone ends by itself, without another event`() throws {
        let folder = try Folder()
        let writer = try RunningTool("append", folder.log)
        try writer.write("event\n")
        while try Tool.run("cat", folder.log).text.isEmpty { usleep(20_000) }
        let script = #"{ "$0" cat --follow "$1"; echo "code $?" >&2; } | head -n 1"#
        let result = try Tool.run(URL(fileURLWithPath: "/bin/sh"), ["-c", script, Tool.executable.path, folder.log])
        #expect(result.text == "event\n")
        #expect(result.errors == "code 0\n")
        #expect(try writer.finish().status == 0)
    }
}
