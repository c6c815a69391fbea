import Foundation
import Testing

@Suite("walctl: what goes in comes out")
struct RoundTripTests {
    @Test func `a file of a million lines comes back byte for byte`() throws {
        let folder = try Folder()
        var random = Random()
        let lines = random.lines(1_000_000, longest: 300)
        let file = try folder.file("lines", lines)
        let appended = try Tool.run("append", folder.log, file.path, "--segment-size", "4MiB", "--json")
        #expect(appended.status == 0, "\(appended.errors)")
        let summary = try appended.object()
        #expect(summary["events"] as? Int == 1_000_000)
        #expect(summary["firstLSN"] as? Int == 1)
        #expect(summary["lastLSN"] as? Int == 1_000_000)
        #expect(summary["durableLSN"] as? Int == 1_000_000)
        #expect(try folder.segments().count > 3)
        let printed = try Tool.run("cat", folder.log)
        #expect(printed.status == 0, "\(printed.errors)")
        #expect(printed.output == lines)
        let verified = try Tool.run("verify", folder.log, "--json")
        #expect(verified.status == 0, "\(verified.errors)")
        #expect(try verified.object()["eventCount"] as? Int == 1_000_000)
    }

    @Test(arguments: [
        ["--batch", "7"], ["--batch", "1000", "--sync", "bytes:1MiB"], ["--sync", "never"],
        ["--sync", "interval:100ms"], ["--meta", "m"],
    ])
    func `standard input comes back, however it is appended`(_ options: [String]) throws {
        let folder = try Folder()
        var random = Random()
        let lines = random.lines(20_000, longest: 500)
        let appended = try Tool.run(Tool.executable, ["append", folder.log] + options, input: lines)
        #expect(appended.status == 0, "\(appended.errors)")
        #expect(try Tool.run("cat", folder.log).output == lines)
    }

    @Test func `a line longer than every buffer, empty lines and a last line without a newline are events`() throws {
        let folder = try Folder()
        let long = Data(repeating: 120, count: 5 << 20)
        let lines = Data("\n\n".utf8) + long + Data("\n\r\0\nlast".utf8)
        #expect(try Tool.run("append", folder.log, input: lines).status == 0)
        #expect(try Tool.run("cat", folder.log).output == lines + Data("\n".utf8))
        #expect(try Tool.run("info", folder.log, "--json").object()["eventCount"] as? Int == 5)
    }

    @Test func `several files are appended in their order, each ending its last line`() throws {
        let folder = try Folder()
        let first = try folder.file("first", Data("a\nb".utf8))
        let second = try folder.file("second", Data("c\n".utf8))
        #expect(try Tool.run("append", folder.log, first.path, "-", second.path, input: Data("s\n".utf8)).status == 0)
        #expect(try Tool.run("cat", folder.log).text == "a\nb\ns\nc\n")
    }

    @Test func `events behind their lengths may hold newlines; an input that ends within one says so`() throws {
        let folder = try Folder()
        let input = Data([3, 0, 0, 0, 97, 10, 98, 0, 0, 0, 0, 1, 0, 0, 0, 99])
        #expect(try Tool.run("append", folder.log, "--length-prefixed", input: input).status == 0)
        #expect(try Tool.run("cat", folder.log).text == "a\nb\n\nc\n")
        let short = try Tool.run(
            "append", folder.log, "--length-prefixed", input: Data([1, 0, 0, 0, 100, 9, 0, 0, 0, 1]))
        #expect(short.status == 66)
        #expect(short.errors.contains("8 bytes short"))
        #expect(try Tool.run("cat", folder.log, "--from", "4").text == "d\n")
    }

    @Test func `from, to and limit choose events`() throws {
        let folder = try Folder()
        let lines = (1...100).map { "event \($0)\n" }.joined()
        #expect(try Tool.run("append", folder.log, input: Data(lines.utf8)).status == 0)
        #expect(try Tool.run("cat", folder.log, "--from", "99").text == "event 99\nevent 100\n")
        #expect(try Tool.run("cat", folder.log, "--from", "5", "--to", "6").text == "event 5\nevent 6\n")
        #expect(try Tool.run("cat", folder.log, "--from", "5", "--limit", "1").text == "event 5\n")
        #expect(try Tool.run("cat", folder.log, "--limit", "0").text.isEmpty)
        #expect(try Tool.run("cat", folder.log, "--from", "101").text.isEmpty)
        let beyond = try Tool.run("cat", folder.log, "--from", "102")
        #expect(beyond.status == 66)
        #expect(beyond.errors.contains("not-yet-written"))
    }

    @Test func `cat prints JSON and hexadecimal digits`() throws {
        let folder = try Folder()
        let input = Data("say \"ä\"\\\t".utf8) + Data([10, 0xff, 0, 0x41, 10])
        #expect(try Tool.run("append", folder.log, "--meta", "from: \u{1}", input: input).status == 0)
        #expect(try Tool.run("cat", folder.log, "--hex").text.split(separator: "\n").last == "2 ff0041")
        let lines = try Tool.run("cat", folder.log, "--json").text.split(separator: "\n")
        let events = try lines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        try #require(events.count == 2)
        #expect(events[0]["lsn"] as? Int == 1)
        #expect(events[0]["payload"] as? String == "say \"ä\"\\\t")
        #expect(events[0]["encoding"] == nil)
        #expect(events[0]["meta"] as? String == "from: \u{1}")
        #expect((events[0]["time"] as? String)?.hasPrefix("20") == true)
        #expect(events[1]["encoding"] as? String == "base64")
        #expect((events[1]["payload"] as? String).flatMap { Data(base64Encoded: $0) } == Data([0xff, 0, 0x41]))
    }

    @Test func `truncate drops what is before an LSN and nothing else`() throws {
        let folder = try Folder()
        let lines = (1...200_000).map { "event number \($0)" }
        let input = Data((lines.joined(separator: "\n") + "\n").utf8)
        #expect(try Tool.run("append", folder.log, "--segment-size", "1MiB", input: input).status == 0)
        let truncated = try Tool.run("truncate", folder.log, "--before", "150001", "--json")
        #expect(truncated.status == 0, "\(truncated.errors)")
        #expect(try truncated.object()["firstLSN"] as? Int == 150_001)
        #expect(try (truncated.object()["removed"] as? [String])?.isEmpty == false)
        #expect(try Tool.run("cat", folder.log).text == lines[150_000...].joined(separator: "\n") + "\n")
        let old = try Tool.run("cat", folder.log, "--from", "1")
        #expect(old.status == 66)
        #expect(old.errors.contains("truncated"))
    }
}
