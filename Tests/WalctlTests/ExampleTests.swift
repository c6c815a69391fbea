import Foundation
import Testing

@Suite("The example")
struct ExampleTests {
    @Test func `the order service survives its killing with lines of a file and generated orders`() throws {
        let folder = try Folder()
        let lines = (1...500).map { "2026-01-31 12:00:00 status installed package\($0):amd64 1.\($0)\n" }.joined()
        let file = try folder.file("packages.log", Data((lines + "the last line has no newline").utf8))
        let kept = folder.url.appendingPathComponent("kept").path
        let arguments = [file.path, "--events", "60000", "--seed", "7", "--keep", kept]
        let result = try Tool.run(Tool.product("OrderService"), arguments)
        #expect(result.status == 0, "\(result.text) \(result.errors)")
        #expect(result.text.contains("501 lines"))
        #expect(result.text.contains("500 packages"))
        #expect(result.text.contains("all checks"))
        let verified = try Tool.run("verify", kept + "/orders.wal")
        #expect(verified.status == 0, "\(verified.text) \(verified.errors)")

        let again = try Tool.run(Tool.product("OrderService"), arguments)
        #expect(again.status == 64)
        #expect(again.errors.contains("not empty"))
    }

    @Test func `arguments that make no sense are refused with one line`() throws {
        for arguments in [["--events"], ["--events", "many"], ["--nonsense"], ["/nonexistent/file"]] {
            let result = try Tool.run(Tool.product("OrderService"), arguments)
            #expect(result.status == 64)
            #expect(result.errors.filter { $0 == "\n" }.count == 1)
        }
    }
}
