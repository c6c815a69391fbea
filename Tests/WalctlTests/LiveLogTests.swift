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
