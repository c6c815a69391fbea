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
              0    all is well; also if whoever reads the output has enough of it
              1    durable data is damaged, or a file of the log is missing
              64   wrong usage
              66   not found: the log, a file, a checkpoint, or the events asked for
              69   unavailable for now: a tool, a server, or what the system has too little of
              74   reading or writing failed; also on a full disk
              75   another process has the log open for writing
              77   no permission, or a read-only file system
              78   refused: another log or none, another version, or options that don't go with it
              130  interrupted; what was read until then is in the log and durable

            Errors are one line on standard error: a code, what failed, and on which file or LSN. docs/operations.md lists \
            the codes, with the exit code of each.
            """,
        subcommands: [
            Append.self, Cat.self, Info.self, Verify.self, Repair.self, Truncate.self, Retain.self, Compress.self,
            Checkpoints.self,
        ])

    static func main() {
        ProcessSignals.ignoreWriteSignals()
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
