import Foundation
import Testing

/// The house rules that no compiler checks.
@Suite("House rules")
struct TidyTests {
    /// The lines of code that match, each as "path:line: text". Comments don't count.
    private func findings(
        _ pattern: String, in files: [Repository.File],
        unless isAllowed: (Repository.File, Int) -> Bool = { _, _ in false }
    ) throws -> [String] {
        let pattern = try NSRegularExpression(pattern: pattern)
        var findings: [String] = []
        for file in files {
            for (index, line) in file.lines.enumerated() {
                let code = line.prefix(upTo: line.range(of: "//")?.lowerBound ?? line.endIndex)
                let text = String(code)
                let whole = NSRange(text.startIndex..., in: text)
                if pattern.firstMatch(in: text, range: whole) != nil, !isAllowed(file, index) {
                    findings.append("\(file.path):\(index + 1): \(line)")
                }
            }
        }
        return findings
    }

    @Test func `the sources are where these tests look for them`() throws {
        let files = try Repository.sources(in: ["Sources"])
        #expect(files.contains { $0.path == "Sources/SegmentStore/LSN.swift" })
        #expect(files.count > 30)
    }

    @Test func `nothing in the sources can trap by a force or a fatal error`() throws {
        let files = try Repository.sources(in: ["Sources", "Examples", "Snippets"])
        #expect(try findings(#"\btry!|\bas!|\bfatalError\("#, in: files) == [])
    }

    @Test func `no work is left undone in the sources`() throws {
        let files = try Repository.sources(
            in: ["Sources", "Examples", "Snippets", "Tests"], extensions: ["swift", "c", "h"])
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        for file in files {
            for word in words {
                let found = file.text.range(of: "\\b\(word)\\b", options: .regularExpression)
                #expect(found == nil, "\(file.path) says \(word)")
            }
        }
    }

    @Test func `platform conditions and C libraries stay in the platform folder`() throws {
        let files = try Repository.sources(in: ["Sources"]).filter { !$0.path.hasPrefix("Sources/WalPlatform/") }
        #expect(try findings(#"#(if|elseif).*\b(os|canImport|targetEnvironment)\("#, in: files) == [])
        #expect(
            try findings(#"^\s*((public|package|internal) )?import (Glibc|Darwin|Musl|Android)\b"#, in: files) == [])
    }

    @Test func `no library imports Foundation`() throws {
        let files = try Repository.sources(in: ["Sources"])
        #expect(try findings(#"\bimport (Foundation|FoundationEssentials|Dispatch)\b"#, in: files) == [])
    }

    @Test func `every claim of thread safety that the compiler can't check is explained`() throws {
        let files = try Repository.sources(in: ["Sources", "Examples"])
        let unexplained = try findings(#"@unchecked Sendable|nonisolated\(unsafe\)"#, in: files) { file, index in
            let lines = file.lines
            let around = lines[max(0, index - 6)...min(lines.count - 1, index + 6)]
            return around.contains { $0.contains("//") }
        }
        #expect(unexplained == [])
    }

    @Test func `no source is longer than 500 lines`() throws {
        let files = try Repository.sources(
            in: ["Sources", "Examples", "Snippets", "Tests"], extensions: ["swift", "c", "h"])
        for file in files { #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count - 1) lines") }
    }

    @Test func `the README shows the snippet that is built with the package`() throws {
        let readme = try Repository.file("README.md").text
        let snippet = try Repository.file("Snippets/Embedding.swift").text
        #expect(readme.contains("```swift\n\(snippet)```\n"))
    }

    @Test func `every file the README and the guide link to is there`() throws {
        for document in ["README.md", "CONTRIBUTING.md"] {
            let text = try Repository.file(document).text
            for match in text.matches(of: /\]\((?<path>[^)#:]+)\)/) {
                let path = Repository.root.appendingPathComponent(String(match.path)).path
                #expect(FileManager.default.fileExists(atPath: path), "\(document) links to \(match.path)")
            }
        }
    }

    @Test func `no two targets or folders differ only in case`() throws {
        for folder in [".", "Sources", "Tests"] {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: Repository.root.appendingPathComponent(folder).path)
            #expect(Set(names.map { $0.lowercased() }).count == names.count)
        }
    }

    @Test func `the newest version in the change log names the format of its files`() throws {
        let lines = try Repository.file("CHANGELOG.md").lines
        let heading = try #require(lines.firstIndex { $0.hasPrefix("## ") })
        let next = lines[(heading + 1)...].firstIndex { $0.hasPrefix("## ") } ?? lines.count
        #expect(lines[heading..<next].contains { $0.hasPrefix("**Format:** ") })
    }

    @Test func `every planted bug is caught by a test, and listed`() throws {
        let source = try Repository.file("Sources/SegmentStore/Store/StoreFlaws.swift")
        let names = source.lines.compactMap { line -> String? in
            guard let start = line.range(of: "static let "), let end = line.range(of: " = Self(") else { return nil }
            return String(line[start.upperBound..<end.lowerBound])
        }
        #expect(names.count >= 60)
        let tests = try Repository.sources(in: ["Tests/CrashTests", "Tests/SegmentStoreTests", "Tests/WalTests"])
        let list = try Repository.file("docs/testing.md").text
        for name in names {
            #expect(list.contains("`\(name)`"), "docs/testing.md does not list \(name)")
            let isPlanted = tests.contains { file in
                file.text.range(of: "\\.\(name)\\b", options: .regularExpression) != nil
            }
            #expect(isPlanted, "no test plants \(name)")
        }
    }
}
