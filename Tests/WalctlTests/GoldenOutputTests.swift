import Foundation
import Testing

/// What the tool prints, word for word: people and scripts rely on it. `WAL_GOLDEN=update` writes the files anew; look at the
/// difference before committing it.
@Suite("walctl: golden output")
struct GoldenOutputTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let folder = root.appendingPathComponent("Tests/WalctlTests/Golden")

    /// A run of commands on a copy of a golden log of `Fixtures`; `LOG` stands for its path.
    struct Session: Sendable, CustomStringConvertible {
        var name: String
        var fixture: String
        var commands: [[String]]

        var description: String { name }
    }

    static let commands = [
        "append", "cat", "info", "verify", "repair", "truncate", "retain", "compress", "checkpoint",
    ]

    static let sessions: [Session] = [
        Session(
            name: "reading", fixture: "closed",
            commands: [
                ["info", "LOG"], ["info", "LOG", "--json"], ["verify", "LOG"], ["verify", "LOG", "--json"],
                ["cat", "LOG", "--from", "1", "--limit", "3", "--json"], ["cat", "LOG", "--limit", "2", "--hex"],
                ["repair", "LOG", "--dry-run"], ["checkpoint", "LOG", "list"],
            ]),
        Session(
            name: "torn", fixture: "torn",
            commands: [["info", "LOG"], ["verify", "LOG"], ["repair", "LOG", "--dry-run", "--json"]]),
        Session(
            name: "compressed", fixture: "compressed",
            commands: [["info", "LOG"], ["verify", "LOG"], ["cat", "LOG", "--limit", "2", "--json"]]),
        Session(
            name: "checkpoints", fixture: "closed",
            commands: [
                ["checkpoint", "set", "LOG", "billing", "--lsn", "3"], ["checkpoint", "get", "LOG", "nobody"],
                ["checkpoint", "set", "LOG", "Bad/Name", "--lsn", "1"],
                ["checkpoint", "set", "LOG", "billing", "--lsn", "99999"],
                ["cat", "LOG", "--checkpoint", "billing", "--limit", "1", "--hex"],
                ["checkpoint", "LOG", "remove", "billing"], ["checkpoint", "list", "LOG", "--json"],
            ]),
        Session(
            name: "changing", fixture: "closed",
            commands: [
                ["retain", "LOG", "--max-segments", "1", "--dry-run"], ["compress", "LOG", "--json"],
                ["truncate", "LOG", "--after", "5"], ["truncate", "LOG", "--before", "3"],
                ["truncate", "LOG", "--before", "1000", "--json"], ["cat", "LOG", "--from", "1"],
                ["retain", "LOG", "--max-segments", "1", "--json"],
            ]),
    ]

    @Test(arguments: sessions)
    func `a session on a golden log prints what it always printed`(_ session: Session) throws {
        let folder = try Folder()
        try FileManager.default.copyItem(
            at: Self.root.appendingPathComponent("Fixtures/format-1/\(session.fixture)"),
            to: URL(fileURLWithPath: folder.log))
        var transcript = ""
        for command in session.commands {
            let result = try Tool.run(Tool.executable, command.map { $0 == "LOG" ? folder.log : $0 })
            transcript +=
                "$ walctl \(command.joined(separator: " "))\n\(result.text)\(result.errors)[\(result.status)]\n\n"
        }
        transcript = transcript.replacingOccurrences(of: folder.log, with: "LOG")
        // How well a block packs is up to the version of libzstd.
        transcript = transcript.replacingOccurrences(
            of: #""(fileBytes|ratio)":[\d.]+"#, with: #""$1":0"#, options: .regularExpression)
        try compare(transcript, "\(session.name).txt")
    }

    @Test(arguments: commands + ["walctl"])
    func `the help of a command is what it was`(_ command: String) throws {
        let arguments = command == "walctl" ? ["--help"] : [command, "--help"]
        let shell = URL(fileURLWithPath: "/usr/bin/env")
        let result = try Tool.run(shell, ["COLUMNS=100", Tool.executable.path] + arguments)
        #expect(result.status == 0)
        for line in result.text.split(separator: "\n") where !line.hasPrefix("USAGE:") {
            #expect(line.count <= 100, "\(line)")
        }
        try compare(result.text, "help-\(command).txt")
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions are generated for every command`(_ shell: String) throws {
        let result = try Tool.run("--generate-completion-script", shell)
        #expect(result.status == 0)
        for command in Self.commands { #expect(result.text.contains(command), "\(command)") }
        guard shell == "bash" else { return }
        let folder = try Folder()
        let file = try folder.file("completions", result.output)
        #expect(try Tool.run(URL(fileURLWithPath: "/usr/bin/env"), ["bash", "-n", file.path]).status == 0)
    }

    private func compare(_ text: String, _ name: String) throws {
        let file = Self.folder.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["WAL_GOLDEN"] == "update" {
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        guard text != golden else { return }
        let pairs = zip(lines(text), lines(golden)).first { $0 != $1 }
        Issue.record(
            "\(name) differs: got \(pairs?.0 ?? "another length"), golden \(pairs?.1 ?? ""); in full:\n\(text)")
    }

    private func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}
