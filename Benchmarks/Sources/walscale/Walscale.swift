import Foundation
import Wal

/// Shows that cost stays flat as a log grows: many segments under a small limit of descriptors, and a log far larger than
/// the memory it may use. Every check that fails ends the program with exit code 1.
///
///     walscale many  [--directory DIR] [--segments 10000]
///     walscale large [--directory DIR] [--gib 20]
@main
enum Walscale {
    static let help = """
        usage: walscale many  [--directory DIR] [--segments N]   open, seek, replay and retain N small segments (default 10000)
               walscale large [--directory DIR] [--gib N]        append, replay and retain N GiB (default 20)

        Logs are made in DIR (default: the temporary directory) and removed at the end.
        """

    static func main() {
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            switch arguments.command {
            case "many": try ManySegments(arguments).run()
            case "large": try LargeLog(arguments).run()
            default: print(help)
            }
        } catch {
            FileHandle.standardError.write(Data("walscale: \(error)\n".utf8))
            exit(error is UsageError ? 64 : 1)
        }
    }
}

struct UsageError: Error, CustomStringConvertible {
    var description: String
}

struct CheckFailed: Error, CustomStringConvertible {
    var description: String
}

func check(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw CheckFailed(description: "check failed: \(message())") }
}

struct Arguments {
    var command = "help"
    var directory = FileManager.default.temporaryDirectory.path
    var segments = 10_000
    var gib = 20

    init(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        if let first = rest.popFirst(), first != "--help", first != "-h" {
            guard ["many", "large", "help"].contains(first) else {
                throw UsageError(description: "there is no command \(first); --help tells which there are")
            }
            command = first
        }
        while let argument = rest.popFirst() {
            guard let value = rest.popFirst() else { throw UsageError(description: "\(argument) needs a value") }
            switch argument {
            case "--directory": directory = value
            case "--segments": segments = try Self.number(value, of: argument)
            case "--gib": gib = try Self.number(value, of: argument)
            default: throw UsageError(description: "there is no option \(argument)")
            }
        }
    }

    private static func number(_ text: String, of option: String) throws -> Int {
        guard let number = Int(text), number > 0 else {
            throw UsageError(description: "\(option) needs a number above zero")
        }
        return number
    }
}

/// A log's directory, which goes at the end.
final class LogFolder {
    let path: String

    init(in directory: String, _ name: String) throws {
        path = "\(directory)/walscale-\(name)-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit {
        // Nothing is lost if a temporary folder stays.
        try? FileManager.default.removeItem(atPath: path)
    }
}
