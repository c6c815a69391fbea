/// How the store makes and reads segments; the layer above turns its own options into these.
package struct StoreOptions: Sendable {
    package var segmentSize: UInt64 = 64 << 20
    package var indexSpacing = 64 << 10
    package var preallocation = Preallocation.allocated
    package var padding = Padding.none
    package var recovery = RecoveryMode.strict
    /// Reads everything even where the end of the log looks well, so that damage in an old segment is found too: refused, or
    /// cut off by point-in-time recovery. Costs the whole log.
    package var deepRecovery = false
    /// What the quarantine folder may hold in all; nil: no bound.
    package var quarantineBytes: UInt64?
    /// Which side of a hole point-in-time recovery keeps; nil: it refuses where there are events on both.
    package var keep: RecoveryKeep?
    /// The LSN of the first event of a new log; ignored for an existing one.
    package var startLSN: UInt64 = 1
    package var readOnly = false
    /// The permissions of new files, of which the process's umask is taken off; nil: those the log has.
    package var fileMode: UInt32?
    package var createIfMissing = true
    package var readAccess = ReadAccess.mapped
    package var compression = Compression.none
    /// A compressed file larger than this part of the raw one is not worth it.
    package var compressionRatioMax = 0.9

    package init() {}
}

/// How the files of coming segments are made ready.
public enum Preallocation: Sendable, Hashable {
    /// The file grows as it is written.
    case growing
    /// Space is reserved when the segment is made.
    case allocated
    /// Space is reserved and filled with zeros ahead, which makes each sync cheaper on ext4 and xfs.
    case prewritten
}

/// How replay reaches the bytes of a segment.
public enum ReadAccess: Sendable, Hashable {
    /// Through a memory map: fastest, and takes a descriptor only while a segment is being opened; an I/O error of the
    /// disk kills the process (SIGBUS).
    case mapped
    /// Through read calls: an I/O error of the disk is thrown. A reader keeps one descriptor open.
    case read
}

/// What opening does about damage to data that was durable.
public enum RecoveryMode: Sendable, Hashable {
    /// Opening fails and changes nothing. A torn tail, which nothing shows to have been durable, is no such damage: it
    /// is cut.
    case strict
    /// All events before the damage are kept; the rest goes to the quarantine folder, and the report says what was
    /// lost.
    case pointInTime
}

/// Which side of a hole in a log point-in-time recovery keeps. The other one goes to the quarantine folder.
public enum RecoveryKeep: Sendable, Hashable {
    /// The events before it: the log is cut there. The LSNs behind the cut are given out again, under a higher epoch.
    case older
    /// The events behind it: the log begins there, and its LSNs go on. Also has a damaged frame's segment, and what lies before
    /// it, given up rather than what lies behind.
    case newer
}

/// What the store takes from outside, so that a run on a simulated disk is repeatable.
package struct StoreEnvironment: Sendable {
    package var storage: any Storage
    /// Nanoseconds since 1970.
    package var now: @Sendable () -> Int64
    package var random: @Sendable () -> UInt64
    /// Nanoseconds since some fixed moment, of a clock that is never set; nil where there is no such clock.
    package var monotonic: (@Sendable () -> Int64)?
    /// Runs a body on a thread of its own and returns true, or returns false without running it. Nil: there are no threads,
    /// and what could be done ahead is done when it is needed.
    package var spawn: (@Sendable (_ body: @escaping @Sendable () -> Void) -> Bool)?
    /// How many threads can run at once; with one, pages are not brought in by another thread.
    package var processorCount = 1
    /// Hears what happened. Called by the thread that runs the step, with no lock of the store held.
    package var notify: @Sendable (StoreEvent) -> Void
    /// Bugs planted by a test; always empty otherwise.
    package var flaws: StoreFlaws = []

    /// The log's directory, which the storage is pinned to; nil in an environment that is not yet one log's.
    package private(set) var directory: (any StorageDirectory)?

    /// The same for one log: the path is followed here and never again.
    ///
    /// - Parameter making: whether to make the directory if it is missing. Returns whether that was so.
    func pinned(
        to path: DirectoryPath, _ options: StoreOptions, making: Bool = false
    ) throws(WalError) -> (environment: StoreEnvironment, isMade: Bool) {
        let pinned = try attempt("open the log's directory") { () throws(StorageError) in
            try storage.pinned(to: path, mode: options.fileMode, making: making)
        }
        var environment = self
        environment.storage = pinned.files
        environment.directory = pinned.directory
        return (environment, pinned.isMade)
    }

    package init(
        storage: any Storage, now: @escaping @Sendable () -> Int64, random: @escaping @Sendable () -> UInt64,
        notify: @escaping @Sendable (StoreEvent) -> Void = { _ in }
    ) {
        self.storage = storage
        self.now = now
        self.random = random
        self.notify = notify
    }
}

/// What happened to the files.
package enum StoreEvent: Sendable {
    case rolled(base: LSN, path: String)
    case settled(base: LSN, path: String)
    case sealed(base: LSN, path: String)
    case compressed(base: LSN, path: String, rawBytes: UInt64, fileBytes: UInt64)
    case deleted(base: LSN, path: String)
    case corruption(WalError)
    /// Something that is tried again could not be done.
    case refused(WalError)
}

/// Where a log keeps its files: the real disk, or a simulated one. Opaque.
public struct LogStorage: Sendable {
    package var implementation: any Storage

    package init(_ implementation: any Storage) {
        self.implementation = implementation
    }
}
