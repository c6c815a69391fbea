import ArgumentParser
import WalPlatform

/// The command-line tool: looks at logs, and writes, repairs and shortens them.
@main
struct Walctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "walctl",
        abstract: "Look at a write-ahead log; write, verify, repair and shorten it.",
        discussion: """
            A log is a directory. cat, info, verify, checkpoint list and get, and every --dry-run only read, and work while \
            another process writes to the log; the other commands need it for themselves. Every command but cat prints text \
            for people or, with --json, for scripts.

            SIZES AND DURATIONS
              4096, 64KiB, 64MiB, 1GiB (powers of 1024), 1kB, 1MB (powers of 1000); 250ms, 30s, 5m, 12h, 7d.

            MOMENTS (--since, --until)
              2026-01-31, 2026-01-31T12:00:00Z, 2026-01-31T12:00:00+02:00, @1769860800 (seconds since 1970), or how long \
            ago: 90s, 7d. Without a zone they are in UTC.

            COMPLETIONS
              walctl --generate-completion-script bash (or zsh, fish) prints a script for the shell.

            EXIT CODES
              0    all is well
              1    damage was found, or the log refused
              64   wrong usage
              66   an input file can't be read
              74   the output can't be written
              130  interrupted; what was read until then is in the log and durable

            Errors are one line on standard error.
            """,
        subcommands: [
            Append.self, Cat.self, Info.self, Verify.self, Repair.self, Truncate.self, Retain.self, Compress.self,
            Checkpoints.self,
        ])

    static func main() {
        ProcessSignals.ignoreBrokenPipes()
        do {
            var command = try parseAsRoot(RawArguments.strings)
            try command.run()
        } catch {
            // The library's own form of a usage error has several lines; help and exit codes it treats well.
            guard exitCode(for: error) == Exit.usage, !(error is ExitCode) else { exit(withError: error) }
            complain("\(message(for: error)) (walctl --help tells more)")
            exit(withError: Exit.usage)
        }
    }
}
