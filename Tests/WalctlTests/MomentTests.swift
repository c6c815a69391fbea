import Foundation
import Testing

/// Moments as people write them, through the tool: an event's own time decides what `--since` and `--until` print.
@Suite("walctl: moments")
struct MomentTests {
    @Test(arguments: [
        "2026-02-30", "2026-13-01", "2026-1-1", "yesterday", "", "2026-01-31T24:00", "2026-01-31T12", "@", "@1.", "7x",
        "-1d",
        "2026-01-31T12:00:00+2", "99999999999999999999d",
    ])
    func `what is no moment is refused`(_ text: String) throws {
        let folder = try Folder()
        #expect(try Tool.run("append", folder.log, input: Data("a\n".utf8)).status == 0)
        #expect(try Tool.run("cat", folder.log, "--since=\(text)").status == 64)
    }

    @Test(arguments: [
        "2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31T12:00:00.25+02:00", "1970-01-01",
        "1900-02-28",
        "@1769860800", "@1769860800.5", "7d", "90s", "2000-02-29T23:59:60Z",
    ])
    func `moments in the past let everything through`(_ text: String) throws {
        let folder = try Folder()
        #expect(try Tool.run("append", folder.log, input: Data("a\n".utf8)).status == 0)
        #expect(try Tool.run("cat", folder.log, "--since", text).text == "a\n")
        #expect(try Tool.run("cat", folder.log, "--until", text).text == "")
    }
}
