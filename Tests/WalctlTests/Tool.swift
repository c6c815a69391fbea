import Foundation
import Testing

/// Runs the walctl that was built with these tests, as a user would.
struct Tool {
    struct Result {
        var status: Int32
        var output: Data
        var errors: String

        var text: String { String(decoding: output, as: UTF8.self) }

        /// The output as a JSON object.
        func object() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
        }
    }

    static let executable = product("walctl")

    /// An executable that was built with these tests.
    static func product(_ name: String) -> URL {
        // The tests' own executable, or bundle, lies beside the products.
        #if os(macOS)
        let own = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL ?? Bundle.main.bundleURL
        #else
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let own = URL(fileURLWithPath: link ?? CommandLine.arguments[0])
        #endif
        return own.deletingLastPathComponent().appendingPathComponent(name)
    }

    /// Runs the tool to its end. Output goes through files: no pipe can fill up and block it.
    static func run(_ arguments: String..., input: Data? = nil) throws -> Result {
        try run(executable, arguments, input: input)
    }

    static func run(_ executable: URL, _ arguments: [String], input: Data? = nil) throws -> Result {
        let folder = try Folder()
        let (input, output, errors) = (
            try folder.file("in", input ?? Data()), try folder.file("out", Data()), try folder.file("err", Data())
        )
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try Data(contentsOf: output), errors: try String(contentsOf: errors, encoding: .utf8))
    }
}

/// A folder that goes with the object.
final class Folder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("walctl-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    /// Where a log can be made.
    var log: String { url.appendingPathComponent("log").path }

    @discardableResult
    func file(_ name: String, _ data: Data) throws -> URL {
        let file = url.appendingPathComponent(name)
        try data.write(to: file)
        return file
    }

    /// The log's segment files, oldest first.
    func segments() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(atPath: log).filter { $0.hasSuffix(".seg") }.sorted()
            .map { URL(fileURLWithPath: log).appendingPathComponent($0) }
    }

    /// Every file of the log with its bytes.
    func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: log) {
            contents[name] = FileManager.default.contents(atPath: log + "/" + name)
        }
        return contents
    }
}

/// A process that is still running, with its standard input in the test's hand.
final class RunningTool {
    let process = Process()
    private let input = Pipe()
    private let folder: Folder
    private let output: URL
    private let errors: URL

    convenience init(_ arguments: String...) throws {
        try self.init(Tool.executable, arguments)
    }

    init(_ executable: URL, _ arguments: [String]) throws {
        folder = try Folder()
        output = try folder.file("out", Data())
        errors = try folder.file("err", Data())
        process.executableURL = executable
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    func write(_ text: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    }

    func interrupt() {
        kill(process.processIdentifier, SIGINT)
    }

    /// Ends its input, unless it ended by itself, and waits for it. A process that hangs is killed, and seen by its status.
    func finish(endingInput: Bool = true) throws -> Tool.Result {
        if endingInput { try input.fileHandleForWriting.close() }
        let end = ContinuousClock.now + .seconds(600)
        while process.isRunning, ContinuousClock.now < end { usleep(10_000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        return Tool.Result(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try Data(contentsOf: output), errors: try String(contentsOf: errors, encoding: .utf8))
    }
}

/// Random bytes, always the same but for WAL_SEED, which is a number, or `new` for a seed that nobody knows; it is printed.
struct Random {
    private var state: UInt64

    init() {
        let wanted = ProcessInfo.processInfo.environment["WAL_SEED"]
        let seed = wanted == "new" ? UInt64.random(in: 0...UInt64.max) : wanted.flatMap { UInt64($0) } ?? 20_260_501
        print("WAL_SEED=\(seed)")
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Lines of any bytes but the newline, many of them short, some empty; each with a newline behind it.
    mutating func lines(_ count: Int, longest: Int) -> Data {
        var bytes: [UInt8] = []
        for _ in 0..<count {
            let length = Int(next() % UInt64(next() % 16 == 0 ? longest : 40))
            var word: UInt64 = 0
            for index in 0..<length {
                if index % 8 == 0 { word = next() }
                let byte = UInt8(truncatingIfNeeded: word >> UInt64(index % 8 * 8))
                bytes.append(byte == 10 ? 0 : byte)
            }
            bytes.append(10)
        }
        return Data(bytes)
    }
}
