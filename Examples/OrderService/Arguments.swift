import Foundation

/// Arguments that make no sense.
struct UsageError: Error, CustomStringConvertible {
    var description: String
}

/// The command line, which the parent also hands to its child.
struct Arguments {
    static let help = """
        usage: OrderService [FILE…] [--events N] [--seed N] [--keep DIR]

        Writes each line of the files, and generated orders up to N events (default: one million), to a write-ahead log;
        is killed while it writes, recovers, checks, goes on, rebuilds its state and drops old events.
        Without files it takes /var/log/dpkg.log where there is one.

          --events N   how many events to write at least
          --seed N     what the orders, and the moment of the kill, are drawn from
          --keep DIR   write the log into this new or empty directory, and leave it there
        """

    var files: [String] = []
    var events = 1_000_000
    var seed: UInt64 = 2026
    var keep: String?
    var wantsHelp = false
    /// For the child alone: where to write.
    var childLog: String?

    var isChild: Bool { childLog != nil }

    init(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": wantsHelp = true
            case "--events": events = try Self.number(rest.popFirst(), of: argument)
            case "--seed": seed = UInt64(try Self.number(rest.popFirst(), of: argument))
            case "--keep": keep = try Self.value(rest.popFirst(), of: argument)
            case "--child": childLog = try Self.value(rest.popFirst(), of: argument)
            case "--": (files, rest) = (files + rest, [])
            default:
                guard !argument.hasPrefix("--") else {
                    throw UsageError(description: "there is no option \(argument); --help tells which there are")
                }
                files.append(argument)
            }
        }
        if files.isEmpty, FileManager.default.isReadableFile(atPath: "/var/log/dpkg.log") {
            files = ["/var/log/dpkg.log"]
        }
    }

    /// The command line of a child that writes the same events to `log`.
    func forChild(log: String) -> [String] {
        ["--child", log, "--events", String(events), "--seed", String(seed), "--"] + files
    }

    private static func value(_ text: String?, of option: String) throws -> String {
        guard let text else { throw UsageError(description: "\(option) needs a value") }
        return text
    }

    private static func number(_ text: String?, of option: String) throws -> Int {
        guard let number = Int(try value(text, of: option)), number >= 0 else {
            throw UsageError(description: "\(option) needs a whole number")
        }
        return number
    }
}
