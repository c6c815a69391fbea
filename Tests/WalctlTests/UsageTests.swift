import Foundation
import Testing

@Suite("walctl: usage, exit codes and errors")
struct UsageTests {
    @Test(arguments: [
        ["append"], ["append", "LOG", "--sync", "sometimes"], ["append", "LOG", "--sync", "interval:5"],
        ["append", "LOG", "--sync", "bytes:99999999999999TiB"], ["append", "LOG", "--batch", "0"],
        ["append", "LOG", "--segment-size", "12q"], ["append", "LOG", "--segment-size", "1"], ["cat"],
        ["cat", "LOG", "--from", "x"], ["cat", "LOG", "--from", "-1"], ["cat", "LOG", "--from", "2", "--to", "1"],
        ["cat", "LOG", "--hex", "--json"], ["cat", "LOG", "--limit", "99999999999999999999"], ["info", "LOG", "more"],
        ["truncate", "LOG"], ["verify", "LOG", "--nonsense"], ["conquer", "LOG"],
    ])
    func `wrong usage exits with 64 and one line, and makes nothing`(_ arguments: [String]) throws {
        let folder = try Folder()
        let result = try Tool.run(Tool.executable, arguments.map { $0 == "LOG" ? folder.log : $0 })
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("walctl: "))
        #expect(result.errors.filter { $0 == "\n" }.count == 1)
        #expect(!FileManager.default.fileExists(atPath: folder.log))
    }

    @Test(arguments: ["append", "cat", "info", "verify", "repair", "truncate"])
    func `every command has help with examples`(_ command: String) throws {
        let result = try Tool.run(command, "--help")
        #expect(result.status == 0)
        #expect(result.text.contains("EXAMPLES"))
        #expect(result.text.contains("USAGE: walctl \(command)"))
    }

    @Test(arguments: [
        ["cat", "LOG"], ["info", "LOG"], ["verify", "LOG"], ["repair", "LOG"], ["repair", "LOG", "--dry-run"],
        ["truncate", "LOG", "--before", "1"],
    ])
    func `a log that isn't there is an error with code 66, and isn't made`(_ arguments: [String]) throws {
        let folder = try Folder()
        let result = try Tool.run(Tool.executable, arguments.map { $0 == "LOG" ? folder.log : $0 })
        #expect(result.status == 66)
        #expect(result.errors.hasPrefix("walctl: "))
        #expect(result.errors.filter { $0 == "\n" }.count == 1)
        #expect(!FileManager.default.fileExists(atPath: folder.log))
    }

    @Test func `an input file that can't be read is found before anything is written`() throws {
        let folder = try Folder()
        let file = try folder.file("lines", Data("a\n".utf8))
        for bad in [folder.url.appendingPathComponent("missing").path, folder.url.path] {
            let result = try Tool.run("append", folder.log, file.path, bad)
            #expect(result.status == 66)
            #expect(result.errors.contains(bad))
            #expect(!FileManager.default.fileExists(atPath: folder.log))
        }
    }

    @Test func `a directory that isn't a log is refused and left as it is`() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(atPath: folder.log, withIntermediateDirectories: true)
        try Data("not a segment".utf8).write(to: URL(fileURLWithPath: folder.log + "/00000000000000000001.seg"))
        let before = try folder.contents()
        for command in ["cat", "info", "verify"] {
            #expect(try Tool.run(command, folder.log).status == 1)
        }
        #expect(try Tool.run("append", folder.log, input: Data("a\n".utf8)).status == 1)
        #expect(try folder.contents()["00000000000000000001.seg"] == before["00000000000000000001.seg"])
    }

    @Test func `cat ends quietly when nobody reads on`() throws {
        let folder = try Folder()
        let lines = Data(repeating: 10, count: 3_000_000)
        #expect(try Tool.run("append", folder.log, "--batch", "1000", input: lines).status == 0)
        let shell = URL(fileURLWithPath: "/bin/sh")
        let script = "{ \"$0\" cat --json \"$1\"; echo \"code $?\" >&2; } | head -n 1 >/dev/null"
        let result = try Tool.run(shell, ["-c", script, Tool.executable.path, folder.log])
        #expect(result.errors == "code 0\n")
    }

    @Test func `every reading command prints JSON that parses`() throws {
        let folder = try Folder()
        #expect(try Tool.run("append", folder.log, "--json", input: Data("a\n".utf8)).object()["events"] as? Int == 1)
        let info = try Tool.run("info", folder.log, "--json").object()
        #expect(info["lastLSN"] as? Int == 1)
        #expect((info["segments"] as? [[String: Any]])?.first?["firstLSN"] as? Int == 1)
        #expect((info["recovery"] as? [String: Any])?["outcome"] as? String == "clean")
        #expect(try Tool.run("verify", folder.log, "--json").object()["intact"] as? Bool == true)
        #expect(try Tool.run("repair", folder.log, "--dry-run", "--json").object()["dryRun"] as? Bool == true)
    }

    @Test func `info, verify and repair print text for people`() throws {
        let folder = try Folder()
        #expect(
            try Tool.run("append", folder.log, input: Data("a\nb\n".utf8)).text.contains("appended 2 events, LSN 1…2"))
        let info = try Tool.run("info", folder.log).text
        #expect(info.contains("2, LSN 1…2"))
        #expect(info.contains("00000000000000000001.seg"))
        #expect(try Tool.run("verify", folder.log).text.hasPrefix("intact: 2 events"))
        #expect(try Tool.run("repair", folder.log).text.contains("LSN 1…2"))
    }
}
