import Foundation
import Wal

/// The event log of a small service: orders, and what a package manager did.
///
/// A child process writes the log, and a consumer in it keeps the service's state in a checkpoint; it is killed in the middle of
/// that. The parent opens what is left, checks it and the checkpoint, goes on writing while a follower watches, rebuilds the
/// service's state, compresses, drops old events and shuts down. Every check that fails ends the
/// program with one line and exit code 1.
@main
enum OrderService {
    static func main() {
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            if arguments.wantsHelp {
                print(Arguments.help)
            } else if arguments.isChild {
                try ChildWriter(arguments).run()
            } else {
                try MainJob(arguments).run()
            }
        } catch {
            FileHandle.standardError.write(Data("OrderService: \(error)\n".utf8))
            exit(error is UsageError ? 64 : 1)
        }
    }
}

/// A promise of the log, or of this program, that was not kept.
struct CheckFailed: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = "check failed: \(description)"
    }
}

/// Throws unless the condition holds.
func check(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw CheckFailed(message()) }
}
