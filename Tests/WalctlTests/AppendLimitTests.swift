import Foundation
import Testing

@Suite("walctl append: what no segment can hold", .timeLimit(.minutes(10)))
struct AppendLimitTests {
    /// The limit that an error names.
    private func limit(_ errors: String) throws -> Int {
        let words = try #require(errors.range(of: "more than the [0-9]+ bytes", options: .regularExpression))
        return try #require(Int(errors[words].filter(\.isNumber)))
    }

    private func prefixed(_ event: Data) -> Data {
        Data((0..<4).map { UInt8(truncatingIfNeeded: event.count >> (8 * $0)) }) + event
    }

    // The longest of the last is written with a longer length than those of the others.
    @Test(
        arguments: ["16KiB", "1MiB", "32MiB"],
        [[], ["--meta", "m"], ["--length-prefixed"], ["--batch", "3"]] as [[String]])
    func `the longest event that the error names goes in, and one byte more does not`(
        size: String, options: [String]
    ) throws {
        let folder = try Folder()
        let isPrefixed = options.first == "--length-prefixed"
        func append(_ events: [Data]) throws -> Tool.Result {
            let input = events.map { isPrefixed ? prefixed($0) : $0 + Data("\n".utf8) }.reduce(Data(), +)
            let arguments = ["append", folder.log, "--segment-size", size] + options
            return try Tool.run(Tool.executable, arguments, input: input)
        }
        let first = try append([Data("first".utf8), Data(repeating: 120, count: 40 << 20)])
        #expect(first.status == 78)
        let unit = isPrefixed ? "event" : "line"
        let offset = isPrefixed ? 9 : 6
        #expect(first.errors.contains("too-large: \(unit) 2 of standard input (from byte \(offset) on)"))
        let longest = try limit(first.errors)
        let fits = try append([Data(repeating: 121, count: longest)])
        #expect(fits.status == 0, "\(fits.errors)")
        let over = try append([Data(repeating: 122, count: longest + 1)])
        #expect(over.status == 78)
        #expect(try limit(over.errors) == longest)
        let info = try Tool.run("info", folder.log, "--json").object()
        // Of a batch that could not be filled nothing is appended.
        #expect(info["lastLSN"] as? Int == (options.first == "--batch" ? 1 : 2))
    }

    @Test func `a batch that grows too large is refused whole, and the line that is too much is named`() throws {
        let folder = try Folder()
        let line = String(repeating: "x", count: 999) + "\n"
        let result = try Tool.run(
            "append", folder.log, "--segment-size", "1MiB", "--batch", "1000000",
            input: Data(("short\n" + String(repeating: line, count: 2000)).utf8))
        #expect(result.status == 78)
        let words = try #require(result.errors.range(of: "with line [0-9]+", options: .regularExpression))
        let number = try #require(Int(result.errors[words].filter(\.isNumber)))
        #expect(result.errors.contains("line \(number) of standard input (from byte \(6 + (number - 2) * 1000) on)"))
        #expect(result.errors.contains("which has \(number - 1) events"))
        #expect(try Tool.run("info", folder.log, "--json").object()["lastLSN"] as? Int == 0)
        let fits = try Tool.run(
            "append", folder.log, "--segment-size", "1MiB", "--batch", "1000000",
            input: Data(("short\n" + String(repeating: line, count: number - 2)).utf8))
        #expect(fits.status == 0, "\(fits.errors)")
        #expect(try Tool.run("info", folder.log, "--json").object()["lastLSN"] as? Int == number - 1)
    }

    @Test func `an event is refused as soon as its length or its beginning says that it can't fit`() throws {
        let folder = try Folder()
        let prefix = try RunningTool("append", folder.log, "--segment-size", "16KiB", "--length-prefixed")
        try prefix.write("\u{1}\u{0}\u{0}\u{0}a\u{7f}\u{7f}\u{7f}\u{7f}")
        // Its input goes on to be open.
        let refused = try prefix.finish(endingInput: false)
        #expect(refused.status == 78)
        #expect(refused.errors.contains("event 2 of standard input (from byte 5 on) has 2139062143 bytes"))
        let line = try RunningTool("append", folder.log, "--segment-size", "16KiB")
        try line.write(String(repeating: "x", count: 20_000))
        #expect(try line.finish(endingInput: false).status == 78)
        #expect(try Tool.run("cat", folder.log).text == "a\n")
    }

    #if os(Linux)
    /// Under a limit on the memory that a process has for itself, which counts what it sets aside as well as what it uses.
    private func run(kibibytes: Int, _ script: String, _ log: String) throws -> Tool.Result {
        try Tool.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", "walctl() { (ulimit -d \(kibibytes); exec \"$0\" \"$@\") }; \(script)", Tool.executable.path, log])
    }

    @Test(arguments: [
        "head -c 500M /dev/zero | walctl append \"$1\"", "seq 100000000 | walctl append \"$1\" --batch 1000000000",
        "yes | walctl append \"$1\" --length-prefixed",
    ])
    func `memory is bounded by the size of a segment`(script: String) throws {
        let folder = try Folder()
        // Two threads' stacks and the queue; the reader's buffer while it grows; a batch while it grows.
        let result = try run(
            kibibytes: 80 << 10, "\(script) --segment-size 8MiB; exit ${PIPESTATUS[1]}", folder.log)
        #expect(result.status == 78, "\(result.errors)")
        #expect(result.errors.contains("too-large"))
    }

    @Test func `every command works on a log that is larger than the memory`() throws {
        let folder = try Folder()
        let append =
            "base64 -w 999 /dev/urandom | head -c 200M | walctl append \"$1\" --segment-size 16MiB --sync never"
        let appended = try run(kibibytes: 64 << 10, append + "; exit ${PIPESTATUS[2]}", folder.log)
        #expect(appended.status == 0, "\(appended.errors)")
        #expect(try folder.segments().count > 10)
        // Once raw and once compressed.
        for _ in 0..<2 {
            for command in ["info \"$1\"", "verify \"$1\"", "cat \"$1\" > /dev/null", "compress \"$1\" --level 3"] {
                let result = try run(kibibytes: 64 << 10, "walctl \(command)", folder.log)
                #expect(result.status == 0, "\(command): \(result.errors)")
            }
        }
        for command in ["truncate \"$1\" --before 60000", "retain \"$1\" --max-bytes 64MiB"] {
            let result = try run(kibibytes: 64 << 10, "walctl \(command)", folder.log)
            #expect(result.status == 0, "\(command): \(result.errors)")
        }
        #expect(try Tool.run("verify", folder.log).status == 0)
    }
    #endif
}
