#if os(Linux)
import Foundation
import Testing

/// How much memory work on a large event takes: in processes of their own, with a limit on what they may allocate.
@Suite(.serialized) struct MemoryTests {
    private static let eventSize = 64 << 20
    /// What may come on top of the event.
    private static let allowance = 16 << 20

    /// A log of a sealed segment with a small event, a large one and two small ones, and of one more event.
    private func makeLog(_ folder: Folder, size: Int) throws {
        var input = Data("first\n".utf8)
        // Text that shrinks by a quarter, and in which nothing comes twice.
        let source = try #require(FileHandle(forReadingAtPath: "/dev/urandom"))
        let random = try #require(try source.read(upToCount: size / 4 * 3))
        input.append(random.base64EncodedData())
        input.append(Data("\nsecond\nthird\n".utf8))
        // It doesn't fit any more.
        input.append(Data(repeating: UInt8(ascii: "x"), count: 5 << 18))
        let segmentSize = "\((size >> 20) + 1)MiB"
        let result = try Tool.run("append", folder.log, "--segment-size", segmentSize, "--sync", "never", input: input)
        #expect(result.status == 0, "\(result.errors)")
        #expect(try folder.segments().count == 2)
    }

    /// Runs the tool with so many bytes of memory of its own.
    private func run(_ bytes: Int, _ arguments: [String]) throws -> Tool.Result {
        let words = [Tool.executable.path] + arguments
        let command = words.map { "'\($0)'" }.joined(separator: " ")
        return try Tool.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", "ulimit -d \(bytes >> 10) && exec \(command)"])
    }

    /// The least memory with which the command works on a log of small events.
    private func baseline(_ arguments: (String) -> [String]) throws -> Int {
        let folder = try Folder()
        try makeLog(folder, size: 1 << 20)
        var low = 0
        var high = 512 << 20
        while high - low > 1 << 20 {
            let middle = (low + high) / 2
            let copy = try Folder()
            try FileManager.default.copyItem(atPath: folder.log, toPath: copy.log)
            if try run(middle, arguments(copy.log)).status == 0 { high = middle } else { low = middle }
        }
        return high
    }

    @Test func `Cutting behind a large event takes the event and little more`() throws {
        func arguments(_ log: String) -> [String] { ["truncate", log, "--after", "3"] }
        let base = try baseline(arguments)
        let folder = try Folder()
        try makeLog(folder, size: Self.eventSize)
        let result = try run(base + Self.eventSize + Self.allowance, arguments(folder.log))
        #expect(result.status == 0, "\(result.errors); without the event \(base) bytes are enough")
        #expect(try Tool.run("cat", folder.log, "--from", "3").text == "second\n")
        #expect(try Tool.run("verify", folder.log).status == 0)
    }

    @Test func `Compressing a large event takes the event and little more, and so does cutting behind it then`() throws
    {
        func arguments(_ log: String) -> [String] { ["compress", log] }
        let base = try baseline(arguments)
        let folder = try Folder()
        try makeLog(folder, size: Self.eventSize)
        let result = try run(base + Self.eventSize + Self.allowance, arguments(folder.log))
        #expect(result.status == 0, "\(result.errors); without the event \(base) bytes are enough")
        #expect(FileManager.default.fileExists(atPath: folder.log + "/00000000000000000001.seg.zst"))
        #expect(try Tool.run("verify", folder.log).status == 0)
        func cutting(_ log: String) -> [String] { ["truncate", log, "--after", "3"] }
        let cut = try run(try baseline(cutting) + Self.eventSize + Self.allowance, cutting(folder.log))
        #expect(cut.status == 0, "\(cut.errors)")
        #expect(try Tool.run("cat", folder.log, "--from", "3").text == "second\n")
    }
}
#endif
