import Foundation
import Testing

/// What a shell can do that a test's own process can't: paths that are no UTF-8, and programs without standard descriptors.
@Suite struct ProcessEnvironmentTests {
    /// Runs a script in a folder; `$walctl` is the tool.
    private func shell(_ script: String, in folder: Folder) throws -> Tool.Result {
        try Tool.run(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", "cd \"$2\" && walctl=$1 && \(script)", "sh", Tool.executable.path, folder.url.path])
    }

    #if os(Linux)
    // Elsewhere a file system takes no such names.
    @Test func `Two paths whose bytes are no UTF-8 are two logs`() throws {
        let folder = try Folder()
        let result = try shell(
            """
            a=$(printf 'a\\377') b=$(printf 'a\\376')
            echo one | $walctl append "$a" && echo two | $walctl append "$b" || exit 2
            [ -d "$a" ] && [ -d "$b" ] || exit 3
            echo "$($walctl cat "$a") $($walctl cat --from 1 "$b") $(ls | wc -l)"
            $walctl info "$a" >info && $walctl verify "$b" >>info || exit 4
            printf 'three' > "$(printf 'in\\375')"
            $walctl append "$a" "$(printf 'in\\375')" && $walctl cat "$a" --limit 5
            """, in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.contains("one two 2\n"), "\(result.text)")
        #expect(result.text.hasSuffix("one\nthree\n"), "\(result.text)")
    }

    @Test func `A message about a path that is no UTF-8 can be read`() throws {
        let folder = try Folder()
        let result = try shell("$walctl cat \"$(printf 'caf\\351')\"", in: folder)
        #expect(result.status != 0)
        #expect(result.errors.contains("caf\u{FFFD}"), "\(result.errors)")
    }

    @Test func `What is stored as meta has the bytes that were given`() throws {
        let folder = try Folder()
        let result = try shell(
            "echo x | $walctl append log --meta \"$(printf 'm\\377')\" >summary && $walctl cat log --json", in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.contains("\"bf8=\""), "\(result.text)")
    }
    #endif

    @Test(arguments: ["<&- >&- 2>&-", "<&-", ">&-", "2>&-", ">&- 2>&-", "<&- 2>&-"])
    func `A program without standard descriptors writes nothing into its log`(closing: String) throws {
        let folder = try Folder()
        try folder.file("in", Data((1...100).map { "\($0)\n" }.joined().utf8))
        // What the tool prints itself, its summary and its complaints, goes to descriptors that may be a file's now.
        _ = try shell("$walctl append log in \(closing)", in: folder)
        _ = try shell("$walctl append log in none in \(closing)", in: folder)
        _ = try shell("$walctl checkpoint log set c --lsn 3 \(closing)", in: folder)
        let verified = try shell("$walctl verify log && $walctl cat log | wc -l && $walctl append log in", in: folder)
        #expect(verified.status == 0, "\(verified.errors)\(verified.text)")
        #expect(verified.text.contains("\n100\n"), "\(verified.text)")
    }
}
