import Foundation
import Testing

@Suite("walctl: exit codes", .timeLimit(.minutes(10)))
struct ExitCodeTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func source(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// What the expression's groups match, once for each match.
    private static func matches(_ expression: String, in text: String) throws -> [[String]] {
        let range = NSRange(text.startIndex..., in: text)
        return try NSRegularExpression(pattern: expression).matches(in: text, range: range).map { match in
            (1..<match.numberOfRanges).map { Range(match.range(at: $0), in: text).map { String(text[$0]) } ?? "" }
        }
    }

    /// The constants of the codes of `WalError` and their names, out of the sources.
    private static func errorCodes() throws -> [String: String] {
        var codes: [String: String] = [:]
        let sources = root.appendingPathComponent("Sources")
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources.path) where file.hasSuffix(".swift") {
            let text = try source("Sources/" + file)
            guard text.contains("extension WalError.Code") else { continue }
            for match in try matches(#"static let (\w+) = Self\("([a-z-]+)"\)"#, in: text) {
                codes[match[0]] = match[1]
            }
        }
        return codes
    }

    @Test func `every kind of error has one exit code, and the documentation shows the same`() throws {
        let codes = try Self.errorCodes()
        #expect(codes.count >= 30)
        let tool = try Self.source("Sources/walctl/Exit.swift")
        var numbers: [String: String] = [:]
        for match in try Self.matches(#"static let (\w+) = ExitCode\((\d+)\)"#, in: tool) {
            numbers[match[0]] = match[1]
        }
        var mapped: [String: String] = [:]
        let table = try #require(tool.range(of: "switch error.code {"))
        let end = try #require(tool.range(of: "default:", range: table.upperBound..<tool.endIndex))
        let rows = try Self.matches(
            #"case ([.\w,\s]+):\s+(\w+)\n"#, in: String(tool[table.upperBound..<end.lowerBound]))
        for row in rows {
            for name in try Self.matches(#"\.(\w+)"#, in: row[0]) {
                if let code = codes[name[0]] { #expect(mapped[code] == nil, "\(code) has two exit codes") }
                mapped[codes[name[0]] ?? name[0]] = numbers[row[1]]
            }
        }
        var documented: [String: String] = [:]
        let operations = try Self.source("docs/operations.md")
        for row in try Self.matches(#"\n\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| (\d+) \|"#, in: operations) {
            for name in try Self.matches("`([a-z-]+)`", in: row[0]) { documented[name[0]] = row[1] }
        }
        for code in codes.values.sorted() {
            #expect(mapped[code] != nil, "\(code) has no exit code")
            #expect(documented[code] == mapped[code], "\(code): what docs/operations.md says")
        }
        let help = try Tool.run("--help").text
        for number in Set(mapped.values) {
            #expect(help.contains("\n  \(number) "), "--help doesn't tell \(number)")
            #expect(operations.contains("\n| \(number) | "), "docs/operations.md doesn't tell \(number)")
        }
    }

    private func expect(
        _ status: Int32, _ code: String?, _ arguments: [String], input: Data? = nil,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try Tool.run(Tool.executable, arguments, input: input)
        #expect(result.status == status, "\(arguments): \(result.errors)", sourceLocation: location)
        if let code {
            #expect(
                result.errors.contains("walctl: \(code)"), "\(arguments): \(result.errors)", sourceLocation: location)
        }
    }

    /// Makes a log of five events.
    private func makeLog(_ path: String) throws {
        try expect(0, nil, ["append", path], input: Data("1\n2\n3\n4\n5\n".utf8))
    }

    @Test func `0: all is well, 64: wrong usage, 66: not found`() throws {
        let folder = try Folder()
        let log = folder.log
        try makeLog(log)
        for command in [["cat"], ["info"], ["verify"], ["repair", "--dry-run"], ["compress"]] {
            try expect(0, nil, [command[0], log] + command.dropFirst())
        }
        try expect(64, "invalid-option", ["append", log, "--segment-size", "1"])
        try expect(64, "invalid-argument", ["checkpoint", "set", log, "NO", "--lsn", "1"])
        try expect(64, nil, ["checkpoint", "set", log])
        let missing = folder.url.appendingPathComponent("missing").path
        for command in [["cat"], ["info"], ["verify"], ["repair"], ["compress"], ["truncate", "--before", "1"]] {
            try expect(66, "not-found", [command[0], missing] + command.dropFirst())
        }
        try expect(66, "can't read", ["append", log, missing])
        try expect(66, "unknown-checkpoint", ["checkpoint", "get", log, "nobody"])
        try expect(66, "not-yet-written", ["cat", log, "--from", "7"])
        try expect(0, nil, ["truncate", log, "--before", "3"])
        try expect(66, "truncated", ["cat", log, "--from", "1"])
    }

    @Test func `1: damage`() throws {
        let folder = try Folder()
        let log = folder.log
        try makeLog(log)
        try makeLog(log)
        let file = try folder.segments()[0]
        var bytes = try Data(contentsOf: file)
        bytes[4096 + 64] ^= 1
        try bytes.write(to: file)
        for command in ["cat", "verify"] { try expect(1, nil, [command, log]) }
        try FileManager.default.removeItem(atPath: log)
        let lines = String(repeating: String(repeating: "x", count: 9000) + "\n", count: 4)
        try expect(0, nil, ["append", log, "--segment-size", "16KiB"], input: Data(lines.utf8))
        let segments = try folder.segments()
        try #require(segments.count == 4)
        try FileManager.default.removeItem(at: segments[1])
        for command in ["append", "cat", "verify", "info"] { try expect(1, nil, [command, log]) }
    }

    @Test func `75: locked, 130: interrupted`() throws {
        let folder = try Folder()
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let writer = try RunningTool("append", folder.log)
            try writer.write("event\n")
            while try Tool.run("cat", folder.log, "--from", "1").text.isEmpty { usleep(20_000) }
            try expect(75, "locked", ["append", folder.log])
            try expect(75, "locked", ["truncate", folder.log, "--before", "1"])
            kill(writer.process.processIdentifier, signal)
            #expect(try writer.finish(endingInput: false).status == 130)
            try FileManager.default.removeItem(atPath: folder.log)
        }
    }

    @Test func `78: another log, another kind of directory, another size`() throws {
        let folder = try Folder()
        let (log, other) = (folder.log, folder.url.appendingPathComponent("other").path)
        try makeLog(log)
        try makeLog(other)
        let segment = try #require(try folder.segments().first).lastPathComponent
        try FileManager.default.removeItem(atPath: log + "/" + segment)
        try FileManager.default.copyItem(atPath: other + "/" + segment, toPath: log + "/" + segment)
        try expect(78, "foreign-file", ["cat", log])
        try expect(78, "foreign-file", ["append", log])
        try expect(78, "not-a-log", ["append", folder.url.path])
        let file = try folder.file("file", Data())
        try expect(78, "wrong-file-type", ["append", file.path])
        try expect(78, "wrong-file-type", ["cat", file.path])
        try expect(78, nil, ["append", other, "--segment-size", "16KiB"], input: Data(count: 20_000))
        try expect(0, nil, ["checkpoint", "set", other, "a", "--lsn", "5"])
        try expect(78, "held-by-checkpoint", ["truncate", other, "--after", "1"])
    }

    #if os(Linux)
    private func expect(
        _ status: Int32, _ code: String, shell script: String, _ log: String,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try Tool.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", script, Tool.executable.path, log], input: Data("event\n".utf8))
        #expect(result.status == status, "\(script): \(result.errors)", sourceLocation: location)
        #expect(result.errors.contains("walctl: \(code)"), "\(script): \(result.errors)", sourceLocation: location)
    }

    @Test func `69: too few descriptors, 74: a full disk, output that can't be written, a limit on file sizes`() throws
    {
        let folder = try Folder()
        try makeLog(folder.log)
        try expect(69, "too-many-open-files", shell: #"ulimit -n 4; exec "$0" append "$1""#, folder.log)
        for command in ["cat", "info", "verify"] {
            try expect(74, "can't write the output", shell: #""$0" \#(command) "$1" > /dev/full"#, folder.log)
        }
        let fresh = folder.url.appendingPathComponent("fresh").path
        try expect(74, "", shell: #"ulimit -f 1000; exec "$0" append "$1""#, fresh)
    }

    @Test func `77: no permission`() throws {
        // Where nobody makes directories, root neither.
        let result = try Tool.run("append", "/sys/walctl-tests", input: Data("event\n".utf8))
        #expect(result.status == 77, "\(result.errors)")
    }

    @Test func `a limit on file sizes ends append with an error and a summary, not by a signal`() throws {
        let folder = try Folder()
        let shell = URL(fileURLWithPath: "/bin/bash")
        let limited = #"ulimit -f 3000; seq 1000000 | "$0" append "$1" --segment-size 4MiB; exit ${PIPESTATUS[1]}"#
        // The active segment is there and reaches beyond the limit, so that it is a write which fails.
        try expect(0, nil, ["append", folder.log, "--segment-size", "4MiB"], input: Data("event\n".utf8))
        let result = try Tool.run(shell, ["-c", limited, Tool.executable.path, folder.log])
        #expect(result.status == 74, "\(result.errors)")
        // The summary counts what was written; of the write that failed there may be whole frames besides.
        let words = try #require(result.errors.range(of: "[0-9]+ events? appended before", options: .regularExpression))
        let count = try #require(Int(result.errors[words].filter(\.isNumber)))
        let last = try #require(try Tool.run("info", folder.log, "--json").object()["lastLSN"] as? Int)
        #expect(last >= count + 1)
        #expect(try Tool.run("verify", folder.log).status == 0)
    }

    @Test func `SIGHUP that is ignored, as by nohup, stays ignored`() throws {
        let folder = try Folder()
        let script = #"trap '' HUP; exec "$0" append "$1""#
        let process = try RunningTool(
            URL(fileURLWithPath: "/bin/bash"), ["-c", script, Tool.executable.path, folder.log])
        try process.write("first\n")
        while try Tool.run("cat", folder.log).text.isEmpty { usleep(20_000) }
        kill(process.process.processIdentifier, SIGHUP)
        try process.write("second\n")
        #expect(try process.finish().status == 0)
        #expect(try Tool.run("cat", folder.log).text == "first\nsecond\n")
    }
    #endif
}
