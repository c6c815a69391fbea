import Foundation
import Testing

@Suite("walctl: beside a process that writes")
struct LiveLogTests {
    /// Looks again and again until it holds; nothing is asserted about how long that takes, short of hanging.
    private func eventually(_ what: Comment, _ condition: () throws -> Bool) throws {
        let end = ContinuousClock.now + .seconds(600)
        while try !condition() {
            guard ContinuousClock.now < end else {
                Issue.record(what)
                return
            }
            usleep(50_000)
        }
    }

    @Test func `cat, info and verify work while another process writes, and a second writer is refused`() throws {
        let folder = try Folder()
        let writer = try RunningTool("append", folder.log, "--segment-size", "1MiB")
        var lines = ""
        for round in 0..<5 {
            let more = (0..<20_000).map { "round \(round) event \($0)\n" }.joined()
            try writer.write(more)
            lines += more
            try eventually("the events of round \(round) can be read") { try Tool.run("cat", folder.log).text == lines }
            let info = try Tool.run("info", folder.log, "--json")
            #expect(info.status == 0, "\(info.errors)")
            #expect(try info.object()["lastLSN"] as? Int == (round + 1) * 20_000)
            let verified = try Tool.run("verify", folder.log)
            #expect(verified.status == 0, "\(verified.text) \(verified.errors)")
        }
        let second = try Tool.run("append", folder.log, input: Data("intruder\n".utf8))
        #expect(second.status == 75)
        #expect(second.errors.contains("locked"))
        #expect(try writer.finish().status == 0)
        #expect(try Tool.run("cat", folder.log).text == lines)
    }

    @Test func `readers report no damage and miss no file while another process truncates, cuts and compresses`() throws
    {
        let folder = try Folder()
        let lines = (0..<400).map { "event \($0) \(String(repeating: "x", count: 200))\n" }.joined()
        try folder.file("lines", Data(lines.utf8))
        // Ends by itself; how much the readers get to see of it is left to luck, what they may say is not.
        let script = """
            for round in 1 2 3 4 5 6; do
              "$1" append "$2" --segment-size 16KiB <"$3" || exit 1
              last=$("$1" info "$2" --json | sed 's/.*"lastLSN":\\([0-9]*\\).*/\\1/')
              "$1" truncate "$2" --after $((last - 150)) || exit 1
              "$1" compress "$2" --level 1 || exit 1
              "$1" truncate "$2" --after $((last - 260)) || exit 1
              "$1" truncate "$2" --before $((last - 330)) || exit 1
            done
            """
        #expect(try Tool.run("append", folder.log, "--segment-size", "16KiB", input: Data(lines.utf8)).status == 0)
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/bin/sh")
        writer.arguments = [
            "-c", script, "sh", Tool.executable.path, folder.log, folder.url.appendingPathComponent("lines").path,
        ]
        writer.standardOutput = FileHandle.nullDevice
        try writer.run()
        defer { if writer.isRunning { kill(writer.processIdentifier, SIGKILL) } }
        while writer.isRunning {
            for arguments in [["verify"], ["cat"], ["info"], ["cat", "--salvage"]] {
                let result = try Tool.run(Tool.executable, [arguments[0], folder.log] + arguments.dropFirst())
                // What is gone while it is read may be told so.
                let isGone = result.errors.hasPrefix("walctl: truncated") || result.errors.hasPrefix("walctl: stale")
                #expect(
                    result.status == 0 && result.errors.isEmpty || arguments == ["cat"] && isGone,
                    "\(arguments): \(result.errors) \(arguments[0] == "cat" ? "" : result.text)")
                if arguments[0] == "cat" {
                    let isWhole = result.text.split(separator: "\n").allSatisfy {
                        $0.hasPrefix("event ") && $0.hasSuffix("xx")
                    }
                    #expect(isWhole)
                }
            }
        }
        writer.waitUntilExit()
        #expect(writer.terminationStatus == 0)
    }

    @Test func `an interrupted append keeps what it read, says so and exits with 130`() throws {
        let folder = try Folder()
        let writer = try RunningTool("append", folder.log, "--json", "--batch", "1000")
        let lines = (0..<1500).map { "event \($0)\n" }.joined()
        try writer.write(lines)
        try eventually("the first batch can be read") {
            try !Tool.run("cat", folder.log).text.isEmpty
        }
        writer.interrupt()
        let result = try writer.finish(endingInput: false)
        #expect(result.status == 130)
        let summary = try result.object()
        #expect(summary["interrupted"] as? Bool == true)
        let count = try #require(summary["events"] as? Int)
        #expect(summary["durableLSN"] as? Int == count)
        let kept = try Tool.run("cat", folder.log).text
        #expect(kept.split(separator: "\n").count == count)
        #expect(lines.hasPrefix(kept))
    }

    @Test func `a writer that is killed leaves a log that opens, with every whole line`() throws {
        let folder = try Folder()
        let writer = try RunningTool("append", folder.log)
        let lines = (0..<5000).map { "event \($0)\n" }.joined()
        try writer.write(lines)
        try eventually("all lines can be read") { try Tool.run("cat", folder.log).text == lines }
        kill(writer.process.processIdentifier, SIGKILL)
        #expect(try writer.finish(endingInput: false).status == -SIGKILL)
        #expect(try Tool.run("verify", folder.log).status == 0)
        #expect(try Tool.run("append", folder.log, input: Data("after\n".utf8)).status == 0)
        #expect(try Tool.run("cat", folder.log).text == lines + "after\n")
    }
}
