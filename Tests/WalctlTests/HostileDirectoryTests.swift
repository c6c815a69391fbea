import Foundation
import Testing

/// A log's directory that came from somebody else: links, pipes and directories in the place of its files.
@Suite("walctl: a hostile log directory", .timeLimit(.minutes(10)))
struct HostileDirectoryTests {
    /// What is put in the place of a file.
    enum Intruder: CaseIterable, CustomStringConvertible {
        case linkToOwnFile, linkToForeignFile, linkToDirectory, danglingLink, pipe, directory, hardLink

        var description: String {
            switch self {
            case .linkToOwnFile: "a link to the file, moved outside"
            case .linkToForeignFile: "a link to a file outside"
            case .linkToDirectory: "a link to a directory outside"
            case .danglingLink: "a link to nothing"
            case .pipe: "a pipe"
            case .directory: "a directory"
            case .hardLink: "another name of a file outside"
            }
        }

        /// Puts it at `path`; what it leads to lies in `outside`.
        func put(at path: String, outside: URL) throws {
            let files = FileManager.default
            let victim = outside.appendingPathComponent("victim")
            try Data("theirs".utf8).write(to: victim)
            let moved = outside.appendingPathComponent("moved")
            if files.fileExists(atPath: path) { try files.moveItem(atPath: path, toPath: moved.path) }
            func link(_ target: String) throws {
                try files.createSymbolicLink(atPath: path, withDestinationPath: target)
            }
            switch self {
            case .linkToOwnFile: try link(moved.path)
            case .linkToForeignFile: try link(victim.path)
            case .linkToDirectory: try link(outside.path)
            case .danglingLink: try link(outside.appendingPathComponent("missing").path)
            case .pipe: #expect(mkfifo(path, 0o600) == 0)
            case .directory: try files.createDirectory(atPath: path, withIntermediateDirectories: false)
            case .hardLink: try files.linkItem(atPath: victim.path, toPath: path)
            }
        }
    }

    private static let names = [
        "LOCK", "LOG", "LOG.tmp", "next.tmp", "00000000000000000001.seg", "00000000000000000002.seg",
        "00000000000000000001.seg.tmp", "00000000000000000001.seg.zst", "00000000000000000001.seg.zst.tmp",
        "checkpoints", "checkpoints/a.ckpt", "checkpoints/a.ckpt.tmp", "checkpoints/b.ckpt", "quarantine",
    ]

    private static let commands = [
        ["info"], ["verify"], ["cat"], ["cat", "--salvage"], ["compress"],
        ["retain", "--max-segments", "1"], ["checkpoint", "set", "a", "--lsn", "2"], ["checkpoint", "remove", "b"],
        ["truncate", "--before", "2"], ["repair", "--deep"],
    ]

    /// A log of two segments and two checkpoints.
    private static func makeLog(_ path: String) throws {
        for _ in 0..<2 {
            let event = Data(String(repeating: "x", count: 9000).utf8) + Data("\n".utf8)
            try #require(try Tool.run("append", path, "--segment-size", "16KiB", input: event).status == 0)
        }
        for name in ["a", "b"] {
            try #require(try Tool.run("checkpoint", path, "set", name, "--lsn", "1").status == 0)
        }
    }

    private static func arguments(_ command: [String], _ log: String) -> [String] {
        [command[0], log] + command.dropFirst()
    }

    private static func contents(_ folder: URL) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            contents[name] = FileManager.default.contents(atPath: folder.appendingPathComponent(name).path)
        }
        return contents
    }

    // One after the other: who starts processes and waits for them keeps other tests from their time.
    @Test(.serialized, arguments: Array(Intruder.allCases.enumerated()))
    func `no command hangs, crashes or changes anything outside`(number: Int, intruder: Intruder) throws {
        let sample = try Folder()
        try Self.makeLog(sample.log)
        for (place, name) in Self.names.enumerated() {
            let folder = try Folder()
            let outside = folder.url.appendingPathComponent("outside")
            try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: false)
            try FileManager.default.copyItem(atPath: sample.log, toPath: folder.log)
            try intruder.put(at: folder.log + "/" + name, outside: outside)
            let before = try Self.contents(outside)
            // Appending meets most files. Of the other commands each meets every name, and every intruder, in some test.
            let others = (0..<2).map { Self.commands[(2 * (place + 3 * number) + $0) % Self.commands.count] }
            for command in others + [["append"]] {
                let result = try Tool.run(
                    Tool.executable, Self.arguments(command, folder.log), input: Data("event\n".utf8))
                #expect(
                    [0, 1, 66, 74, 78].contains(result.status),
                    "\(command) with \(intruder) as \(name): \(result.errors)")
                #expect(try Self.contents(outside) == before, "\(command) with \(intruder) as \(name)")
            }
        }
    }

    @Test func `a directory that is no log stays without so much as a lock`() throws {
        let folder = try Folder()
        let (log, outside) = (folder.log, folder.url.appendingPathComponent("outside"))
        try FileManager.default.createDirectory(atPath: log, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: log + "/secrets", withDestinationPath: outside.path)
        let result = try Tool.run("append", log, input: Data("x\n".utf8))
        #expect(result.status == 78)
        #expect(result.errors.contains("not-a-log"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: log) == ["secrets"])
    }

    @Test func `a file's name can't steer the terminal`() throws {
        let folder = try Folder()
        let log = folder.log
        try FileManager.default.createDirectory(atPath: log, withIntermediateDirectories: false)
        try Data().write(to: URL(fileURLWithPath: log + "/\u{1B}]0;owned\u{7}\u{202E}"))
        let refused = try Tool.run("append", log, input: Data("x\n".utf8))
        #expect(refused.status == 78)
        #expect(!refused.errors.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{7}" || $0 == "\u{202E}" })
        let other = try Folder()
        try Self.makeLog(other.log)
        try FileManager.default.createDirectory(atPath: other.log + "/quarantine", withIntermediateDirectories: false)
        try Data().write(to: URL(fileURLWithPath: other.log + "/quarantine/\u{1B}[2J"))
        let shown = try Tool.run("info", other.log)
        #expect(shown.status == 0)
        #expect(!shown.text.contains("\u{1B}"))
        #expect(shown.text.contains("[2J"))
    }

    // MARK: Permissions

    private func modes(of log: String) throws -> Set<String> {
        var modes: Set<String> = []
        for name in [""] + (try FileManager.default.subpathsOfDirectory(atPath: log)) {
            let facts = try FileManager.default.attributesOfItem(atPath: log + "/" + name)
            let mode = String((facts[.posixPermissions] as? Int) ?? 0, radix: 8)
            modes.insert((facts[.type] as? FileAttributeType == .typeDirectory ? "d" : "f") + mode)
        }
        return modes
    }

    /// Runs the tool under a umask.
    private func run(umask: String, _ arguments: [String], input: String = "") throws -> Tool.Result {
        try Tool.run(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", "umask \(umask); exec \"$0\" \"$@\"", Tool.executable.path] + arguments, input: Data(input.utf8))
    }

    @Test(
        arguments: [
            ("022", nil, ["d700", "f600"]), ("000", nil, ["d700", "f600"]), ("022", "640", ["d750", "f640"]),
            ("000", "666", ["d777", "f666"]), ("077", "666", ["d700", "f600"]),
        ] as [(String, String?, Set<String>)])
    func `the files are the owner's unless asked for otherwise, and stay as they were`(
        umask: String, mode: String?, expected: Set<String>
    ) throws {
        let folder = try Folder()
        let events = String(repeating: String(repeating: "y", count: 7000) + "\n", count: 4)
        let mode = mode.map { ["--mode", $0] } ?? []
        let made = try run(umask: umask, ["append", folder.log, "--segment-size", "16KiB"] + mode, input: events)
        #expect(made.status == 0, "\(made.errors)")
        for command in [["compress"], ["checkpoint", "set", "a", "--lsn", "1"], ["append"]] {
            // Without being told again.
            let result = try run(umask: umask, Self.arguments(command, folder.log), input: events)
            #expect(result.status == 0, "\(result.errors)")
        }
        #expect(try modes(of: folder.log) == expected)
    }

    @Test(arguments: ["8", "abc", "1777", "400", "755"])
    func `a mode that no log can have is wrong usage`(_ mode: String) throws {
        let folder = try Folder()
        #expect(try Tool.run("append", folder.log, "--mode", mode, input: Data()).status == 64)
        #expect(!FileManager.default.fileExists(atPath: folder.log))
    }
}
