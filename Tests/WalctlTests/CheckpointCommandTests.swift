import Foundation
import Testing

@Suite("walctl checkpoint", .timeLimit(.minutes(10)))
struct CheckpointCommandTests {
    private func makeLog(_ folder: Folder, events: Int = 20) throws {
        let lines = (1...events).map { "event \($0)\n" }.joined()
        #expect(try Tool.run("append", folder.log, input: Data(lines.utf8)).status == 0)
    }

    private func listed(_ log: String) throws -> [String: [String: Any]] {
        let result = try Tool.run("checkpoint", "list", log, "--json")
        #expect(result.status == 0, "\(result.errors)")
        let list = try #require(try JSONSerialization.jsonObject(with: result.output) as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: list.map { ($0["name"] as? String ?? "", $0) })
    }

    @Test func `the word for what to do comes first, and as before may come behind the log`() throws {
        let folder = try Folder()
        let log = folder.log
        try makeLog(folder)
        for (number, words) in [["set", log], [log, "set"]].enumerated() {
            let result = try Tool.run(
                Tool.executable, ["checkpoint"] + words + ["name\(number)", "--lsn", "\(number + 3)"])
            #expect(result.status == 0, "\(result.errors)")
        }
        for words in [["list", log], [log, "list"]] {
            let result = try Tool.run(Tool.executable, ["checkpoint"] + words)
            #expect(result.status == 0 && result.text.contains("name0") && result.text.contains("name1"))
        }
        for words in [["get", log], [log, "get"]] {
            #expect(try Tool.run(Tool.executable, ["checkpoint"] + words + ["name1"]).text.contains("LSN 4, 16 behind"))
        }
        for words in [["remove", log, "name0"], [log, "remove", "name1"]] {
            #expect(try Tool.run(Tool.executable, ["checkpoint"] + words).status == 0)
        }
        #expect(try Tool.run("checkpoint", "list", log).text == "no checkpoints\n")
        for words in [
            [log], ["list"], ["show", log], [log, "show"], ["list", log, "name"], ["get", log], ["set", log, "a"],
        ] {
            let result = try Tool.run(Tool.executable, ["checkpoint"] + words)
            #expect(result.status == 64, "\(words): \(result.errors)")
        }
    }

    @Test func `a log may be named like a word for what to do`() throws {
        let folder = try Folder()
        let path = folder.url.appendingPathComponent("list").path
        #expect(try Tool.run("append", path, input: Data("a\n".utf8)).status == 0)
        let script = #"cd "$1" && "$0" checkpoint list list && "$0" checkpoint set list a --lsn 1"#
        let result = try Tool.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", script, Tool.executable.path, folder.url.path])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.hasPrefix("no checkpoints\n"))
    }

    @Test func `list, get and info say of each checkpoint where it stands, not just how far behind`() throws {
        let folder = try Folder()
        let log = folder.log
        try makeLog(folder)
        // The event of `gone` will be cut off, and that of `stale` be replaced by another one.
        for (name, lsn) in [("old", 2), ("kept", 5), ("stale", 8), ("gone", 18)] {
            #expect(try Tool.run("checkpoint", "set", log, name, "--lsn", "\(lsn)").status == 0)
        }
        #expect(try Tool.run("truncate", log, "--after", "7", "--override-checkpoints").status == 0)
        #expect(try Tool.run("append", log, input: Data("8\n9\n10\n".utf8)).status == 0)
        #expect(try Tool.run("truncate", log, "--before", "4").status == 0)
        let expected: [String: (standing: String, behind: Int?, text: String)] = [
            "old": ("fellBehind", 8, "8 behind, of which some were dropped"), "kept": ("ok", 5, "5 behind"),
            "stale": ("stale", nil, "stale"), "gone": ("aboveEnd", nil, "above the end"),
        ]
        let list = try listed(log)
        let info = try #require(try Tool.run("info", log, "--json").object()["checkpoints"] as? [[String: Any]])
        for (name, wanted) in expected {
            for found in [list[name], info.first { $0["name"] as? String == name }] {
                #expect(found?["standing"] as? String == wanted.standing, "\(name)")
                #expect(found?["behind"] as? Int == wanted.behind, "\(name)")
            }
            #expect(try Tool.run("checkpoint", "get", log, name).text.contains(wanted.text), "\(name)")
        }
        for command in [["checkpoint", "list", log], ["info", log]] {
            let text = try Tool.run(Tool.executable, command).text
            for word in ["fell behind", "stale", "above the end"] {
                #expect(text.contains(word), "\(command): \(word)")
            }
        }
    }
}
