import ArgumentParser
import Wal
import WalPlatform

/// The exit codes that scripts rely on. `walctl --help` and docs/operations.md list them.
enum Exit {
    /// Durable data is damaged, or a file of the log is missing.
    static let damage = ExitCode(1)
    static let usage = ExitCode(64)
    /// What was named or asked for isn't there: a file, a log, a checkpoint, events.
    static let notFound = ExitCode(66)
    /// Something the command needs can't be had for now: a tool, a server, a descriptor, a thread.
    static let unavailable = ExitCode(69)
    static let io = ExitCode(74)
    static let locked = ExitCode(75)
    static let noPermission = ExitCode(77)
    /// What is there doesn't go with what was asked: another log, another version, other options.
    static let mismatch = ExitCode(78)
    static let interrupted = ExitCode(130)

    /// The exit code of an error of the log; docs/operations.md shows the same table, and a test compares the two.
    static func code(of error: WalError) -> ExitCode {
        switch error.code {
        case .corrupted, .missingSegment: damage
        case .invalidOption, .invalidArgument, .emptyBatch: usage
        case .notFound, .unknownCheckpoint, .truncated, .notYetWritten, .checkpointFellBehind, .directoryRemoved:
            notFound
        case .tooManyOpenFiles, .noThread, .queueFull, .dropped, .timedOut, .unavailable: unavailable
        case .io, .diskFull, .failed, .draining, .closed, .discarded, .forked: io
        case .locked: locked
        case .permissionDenied, .readOnly: noPermission
        case .notALog, .foreignFile, .unsupportedFormat, .wrongFileType, .stalePosition, .heldByCheckpoint, .tooLarge,
            .unexpectedLSN, .lsnOverflow, .replaced, .quarantineFull:
            mismatch
        case .cancelled: interrupted
        // A kind that is newer than this table: some call has failed.
        default: io
        }
    }

    /// The exit code of a file, not of a log, that can't be read.
    static func code(of failure: ProcessStream.Failure) -> ExitCode {
        switch failure.errno {
        case ErrorNumber.notFound, ErrorNumber.notDirectory, ErrorNumber.isDirectory, ErrorNumber.tooManyLinks,
            ErrorNumber.nameTooLong:
            notFound
        case ErrorNumber.permission, ErrorNumber.notPermitted: noPermission
        case ErrorNumber.tooManyOpenFiles, ErrorNumber.tooManyOpenFilesSystem: unavailable
        default: io
        }
    }
}
