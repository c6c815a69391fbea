public import WalPlatform

/// What every throwing call of the log throws: what failed, on which file or LSN, and what to do about it.
///
/// Catch a particular kind with its code:
///
/// ```swift
/// do { try log.append(bytes) } catch WalError.Code.queueFull { … }
/// ```
public struct WalError: Error, Sendable, Hashable {
    /// The kind of failure. New kinds may be added in any version.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A stable name, as printed by the tool.
        public let name: String

        package init(_ name: String) {
            self.name = name
        }

        /// The stable name.
        public var description: String { name }
    }

    /// The kind of failure.
    public var code: Code

    /// One sentence or two: what failed and what to do.
    public var message: String

    /// The file or directory concerned.
    public var path: String?

    /// The byte offset in the file.
    public var offset: UInt64?

    /// The events concerned.
    public var lsns: ClosedRange<LSN>?

    /// The system's error number, where a system call failed.
    public var errno: Errno?

    package init(
        _ code: Code, _ message: String, path: String? = nil, offset: UInt64? = nil, lsns: ClosedRange<LSN>? = nil,
        errno: Errno? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.offset = offset
        self.lsns = lsns
        self.errno = errno
    }
}

extension WalError.Code {
    /// Lets a `catch` clause name a code.
    public static func ~= (code: WalError.Code, error: any Error) -> Bool {
        (error as? WalError)?.code == code
    }
}

extension WalError.Code {
    /// Durable data is damaged: it failed a checksum although something vouches that it was on stable storage.
    public static let corrupted = Self("corrupted")
    /// A segment file that must exist is not there.
    public static let missingSegment = Self("missing-segment")
    /// The file or directory is not a log, or not one of this kind.
    public static let notALog = Self("not-a-log")
    /// The format version, or a feature that must be understood, is newer than this software.
    public static let unsupportedFormat = Self("unsupported-format")
    /// A file of another log lies in this log's directory.
    public static let foreignFile = Self("foreign-file")
    /// Another process, or another object in this one, has the log open for writing.
    public static let locked = Self("locked")
    /// The path does not exist, or holds no log and none may be made.
    public static let notFound = Self("not-found")
    /// The log's directory was removed while the log was open: what was in it is lost, and nothing can be written any more.
    public static let directoryRemoved = Self("directory-removed")
    /// The path that a log was opened for reading by leads to another log now, put in the place of the one that is read.
    public static let replaced = Self("replaced")
    /// The path is a file where a directory is needed, or the other way about.
    public static let wrongFileType = Self("wrong-file-type")
    /// The system refused access.
    public static let permissionDenied = Self("permission-denied")
    /// The log was opened for reading, or lies on a read-only file system.
    public static let readOnly = Self("read-only")
    /// The disk, or the quota, is full. Nothing was lost; calls succeed again once there is room.
    public static let diskFull = Self("disk-full")
    /// The system refuses what is needed for now: rights, a descriptor, memory; `errno` says which. Nothing was lost, and a
    /// log that can't take events for that reason goes on by itself once it has passed.
    public static let unavailable = Self("unavailable")
    /// A repair would put more into the quarantine folder than `Options.quarantineBytes` lets it hold. Nothing was changed.
    public static let quarantineFull = Self("quarantine-full")
    /// Too many descriptors or mappings are in use.
    public static let tooManyOpenFiles = Self("too-many-open-files")
    /// A system call failed.
    public static let io = Self("io")
    /// A write or sync failed earlier: nobody knows what the disk holds. Close the log and open it again.
    public static let failed = Self("failed")
    /// The event or batch is larger than a segment of this log can hold.
    public static let tooLarge = Self("too-large")
    /// A batch without events.
    public static let emptyBatch = Self("empty-batch")
    /// An option that can't be used, or that contradicts what is on disk; the message names it.
    public static let invalidOption = Self("invalid-option")
    /// The LSN is below the oldest kept: it was truncated away.
    public static let truncated = Self("truncated")
    /// The LSN is above the newest written.
    public static let notYetWritten = Self("not-yet-written")
    /// The position is of events that were cut off, or of another copy of the log: its LSN is, or will be, another event's.
    public static let stalePosition = Self("stale-position")
    /// There is no checkpoint of that name.
    public static let unknownCheckpoint = Self("unknown-checkpoint")
    /// The checkpoint is older than what is kept; `lsns` are the events it has missed.
    public static let checkpointFellBehind = Self("checkpoint-fell-behind")
    /// Checkpoints hold back what was to be removed; the message names them.
    public static let heldByCheckpoint = Self("held-by-checkpoint")
    /// A name or value that can't be used; the message says what is legal.
    public static let invalidArgument = Self("invalid-argument")
    /// The next LSN would overflow.
    public static let lsnOverflow = Self("lsn-overflow")
    /// The log, or the object, is closed.
    public static let closed = Self("closed")
}

extension WalError: CustomStringConvertible {
    /// One line: the code, the message, and where.
    public var description: String {
        var text = "\(code.name): \(message)"
        if let path { text += " [\(path)\(offset.map { " at offset \($0)" } ?? "")]" }
        if let lsns {
            text +=
                lsns.lowerBound == lsns.upperBound
                ? " (LSN \(lsns.lowerBound))" : " (LSN \(lsns.lowerBound)…\(lsns.upperBound))"
        }
        if let errno { text += ": \(errno)" }
        return text
    }
}
