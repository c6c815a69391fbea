import Foundation
import Testing

@Suite("walctl: damage")
struct DamageTests {
    private let lines = (1...100_000).map { "event number \($0)" }

    private func text(_ range: Range<Int>) -> String {
        lines[range].map { $0 + "\n" }.joined()
    }

    /// A log of several segments.
    private func makeLog() throws -> Folder {
        let folder = try Folder()
        let result = try Tool.run(
            "append", folder.log, "--segment-size", "1MiB", input: Data(text(0..<lines.count).utf8))
        try #require(result.status == 0, "\(result.errors)")
        try #require(try folder.segments().count >= 3)
        return folder
    }

    @Test func `a flipped byte is found by verify and stops cat, with file, offset and LSNs`() throws {
        let folder = try makeLog()
        let segment = try folder.segments()[1]
        var bytes = try Data(contentsOf: segment)
        bytes[bytes.count / 3] ^= 0x40
        try bytes.write(to: segment)
        let before = try folder.contents()

        let verified = try Tool.run("verify", folder.log, "--json")
        #expect(verified.status == 1)
        let report = try verified.object()
        #expect(report["intact"] as? Bool == false)
        let findings = try #require(report["findings"] as? [[String: Any]])
        let error = try #require(findings.first { $0["kind"] as? String == "corruption" }?["error"] as? [String: Any])
        #expect((error["path"] as? String)?.hasSuffix(segment.lastPathComponent) == true)
        #expect(error["offset"] != nil)
        let first = try #require(error["firstLSN"] as? Int)
        #expect(try Tool.run("verify", folder.log).text.contains("DAMAGED"))

        let printed = try Tool.run("cat", folder.log)
        #expect(printed.status == 1)
        #expect(printed.errors.contains("corrupted"))
        #expect(printed.text == text(0..<first - 1))

        let salvaged = try Tool.run("cat", folder.log, "--salvage")
        #expect(salvaged.status == 1)
        let last = try #require(error["lastLSN"] as? Int)
        #expect(salvaged.text == text(0..<first - 1) + text(last..<lines.count))
        #expect(salvaged.errors.contains("LSN \(first)"))
        let behind = try Tool.run("cat", folder.log, "--salvage", "--from", "\(last + 1)", "--limit", "2")
        #expect(behind.status == 0)
        #expect(behind.text == text(last..<last + 2))

        // Not cut by a repair, since the log opens; but told.
        let repaired = try Tool.run("repair", folder.log, "--dry-run")
        #expect(repaired.status == 1)
        #expect(try folder.contents() == before)

        // Cut there only on request; then the log is whole again, up to the damage.
        let planned = try Tool.run("repair", folder.log, "--deep", "--dry-run")
        #expect(planned.status == 1)
        #expect(planned.text.contains("would keep"))
        #expect(try folder.contents() == before)
        let cut = try Tool.run("repair", folder.log, "--deep")
        #expect(cut.status == 0, "\(cut.text) \(cut.errors)")
        #expect(try Tool.run("cat", folder.log).text == text(0..<first - 1))
        #expect(try Tool.run("verify", folder.log).status == 0)
    }

    @Test func `repair keeps all before a missing segment and puts the rest aside; a dry run changes nothing`() throws {
        let folder = try makeLog()
        let segments = try folder.segments()
        let missing = segments[1]
        let first = try #require(Int(missing.deletingPathExtension().lastPathComponent))
        try FileManager.default.removeItem(at: missing)
        let before = try folder.contents()

        #expect(try Tool.run("cat", folder.log).status == 1)
        #expect(try Tool.run("append", folder.log, input: Data("x\n".utf8)).status == 1)
        #expect(try Tool.run("verify", folder.log).status == 1)
        #expect(try Tool.run("info", folder.log).status == 1)
        let salvaged = try Tool.run("cat", folder.log, "--salvage")
        #expect(salvaged.status == 1)
        let behind = try #require(Int(segments[2].deletingPathExtension().lastPathComponent))
        #expect(salvaged.text == text(0..<first - 1) + text(behind - 1..<lines.count))
        // Up to the damage everything is printed.
        #expect(try Tool.run("cat", folder.log).text == text(0..<first - 1))
        for dryRun in [["--dry-run"], []] {
            let refused = try Tool.run(Tool.executable, ["repair", folder.log] + dryRun)
            #expect(refused.status == 1 && refused.errors.contains("--keep"), "\(refused.errors)")
        }
        let planned = try Tool.run("repair", folder.log, "--keep", "older", "--dry-run", "--json")
        #expect(planned.status == 1, "\(planned.errors)")
        #expect(try folder.contents() == before)

        let repaired = try Tool.run("repair", folder.log, "--keep", "older", "--json")
        #expect(repaired.status == 0, "\(repaired.text) \(repaired.errors)")
        let recovery = try #require(try repaired.object()["recovery"] as? [String: Any])
        #expect(recovery["outcome"] as? String == "pointInTime")
        #expect(recovery["lastLSN"] as? Int == first - 1)
        let quarantined = try #require(recovery["quarantined"] as? [String])
        for segment in segments[2...] {
            #expect(quarantined.contains { $0.hasPrefix(segment.lastPathComponent) })
        }

        #expect(try Tool.run("verify", folder.log).status == 0)
        #expect(try Tool.run("cat", folder.log).text == text(0..<first - 1))
        let info = try Tool.run("info", folder.log, "--json").object()
        let listed = try #require(info["quarantine"] as? [[String: Any]]).compactMap { $0["name"] as? String }
        #expect(Set(listed) == Set(quarantined))
        #expect(try Tool.run("append", folder.log, input: Data("goes on\n".utf8)).status == 0)
        #expect(try Tool.run("cat", folder.log).text == text(0..<first - 1) + "goes on\n")
    }
}
