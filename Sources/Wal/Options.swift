extension WriteAheadLog {
    /// How a log is opened.
    ///
    /// A value: change what you need and pass it to ``WriteAheadLog/open(at:options:)``.
    ///
    /// ```swift
    /// var options = WriteAheadLog.Options()
    /// options.sync = .interval(.milliseconds(100))
    /// let log = try WriteAheadLog.open(at: "orders.wal", options: options)
    /// ```
    public struct Options: Sendable {
        /// The size of new segment files in bytes: 16 KiB to 2 GiB, a multiple of 4096. An event or batch must fit one.
        ///
        /// The default is 64 MiB. Existing segments keep their size.
        public var segmentSize = 64 << 20
        /// Bytes of frames between two entries of a sealed segment's index: 4 KiB to 16 MiB.
        ///
        /// The default is 64 KiB.
        public var indexSpacing = 64 << 10
        /// When written events are made durable without being asked.
        ///
        /// The default is `.batch`.
        public var sync = SyncPolicy.batch
        /// What an append does when the queue is full.
        ///
        /// The default is `.block`.
        public var backPressure = BackPressure.block
        /// The bound on accepted and not yet written bytes, at least 1.
        ///
        /// The default is 4 MiB. A larger event is taken when the queue is empty.
        public var queueBytes = 4 << 20
        /// The bound on accepted and not yet written events, at least 1.
        ///
        /// The default is 1,048,576. A larger batch is taken when the queue is empty.
        public var queueEvents = 1 << 20
        /// How coming segments are made ready.
        ///
        /// The default, nil, means `.prewritten` under the policies `.batch` and `.bytes`, `.allocated` under the
        /// others.
        public var preallocation: Preallocation?
        /// Whether each write is filled up to whole sectors, so that no event is ever written into one that is durable. May
        /// differ at every opening.
        ///
        /// The default is `.none`: the disk is trusted to leave alone what lies beside the bytes that it writes.
        public var padding = Padding.none
        /// What opening does about damage to durable data.
        ///
        /// The default is `.strict`.
        public var recovery = RecoveryMode.strict
        /// Reads all of the log at open instead of its end alone, so that damage in an old segment is found too: refused by
        /// strict recovery, cut by point-in-time recovery. Costs reading the whole log.
        ///
        /// The default is false.
        public var deepRecovery = false
        /// Which side of missing or damaged segments point-in-time recovery keeps, where there are events on both.
        ///
        /// The default, nil, refuses where segments are missing between others, and keeps what comes before damage of another
        /// kind. Where nothing comes before it, what comes behind is kept in any case.
        public var recoveryKeep: RecoveryKeep?
        /// The LSN of the first event of a new log; ignored for an existing one.
        ///
        /// The default is 1.
        public var startLSN: LSN = 1
        /// Opens for reading alone, beside a writer or without one: nothing is written, repaired or locked. A torn tail
        /// is left out and reported.
        ///
        /// The default is false.
        public var readOnly = false
        /// Makes the log if there is none.
        ///
        /// The default is true.
        public var createIfMissing = true
        /// How many bytes the quarantine folder may hold in all, holes left out. What recovery would put there beyond that is not
        /// kept where nothing shows that it was durable (the report says so); a repair of durable data is refused with
        /// `quarantineFull` before anything is changed. At least 0.
        ///
        /// The default, nil, sets no bound.
        public var quarantineBytes: Int?
        /// Who may read and write the files that are made. Whoever may read files may list the directories made; what the
        /// process's umask forbids is taken off. The owner must have both.
        ///
        /// The default, nil, means as the log has it, and for a new log the owner alone (0600, directories 0700).
        public var filePermissions: FilePermissions?
        /// How replay reaches the bytes.
        ///
        /// The default is `.mapped`.
        public var readAccess = ReadAccess.mapped
        /// Whether and how sealed segments are compressed in the background. May differ at every opening.
        ///
        /// The default is `.none`. Not used by a log opened for reading, which reads compressed segments all the same.
        public var compression = Compression.none
        /// What to keep; the rest goes by itself, in whole segments, after segments were rolled and settled, and, where age counts,
        /// every ``retentionInterval``. Checkpoints hold segments back unless the policy overrides them.
        ///
        /// The default, nil, keeps everything.
        public var retention: Retention?
        /// How often ``retention`` is looked at where it has a limit of age: a millisecond to a year.
        ///
        /// The default is a minute.
        public var retentionInterval = Duration.seconds(60)
        /// Hears what the log does.
        ///
        /// The default is none.
        public var observer: (any WalObserver)?
        /// How many events wait for a slow observer before further ones are lost; at least 1.
        ///
        /// The default is 1024.
        public var observerQueue = 1024
        /// The pauses between two looks at a log opened for reading, while somebody follows it: the shortest after there was
        /// something new, doubling up to the longest while there isn't. From 0.1 ms to an hour.
        ///
        /// The default is 2 ms to 250 ms. A look that finds nothing costs some ten system calls.
        public var pollInterval: ClosedRange<Duration> = .milliseconds(2)...(.milliseconds(250))
        /// Where the files are.
        ///
        /// The default is the operating system's file system.
        public var storage = LogStorage.posix
        /// Bugs planted by a test; always empty otherwise.
        package var flaws: StoreFlaws = []

        /// Makes options with the default values.
        public init() {}
    }
}

extension LogStorage {
    /// The operating system's file system.
    public static var posix: LogStorage { LogStorage(PosixStorage()) }
}

extension WriteAheadLog.Options {
    /// Refuses what can't be used, naming the option.
    func validate() throws(WalError) {
        try check(
            segmentSize % Layout.blockSize == 0
                && (Layout.segmentSizeMin...Layout.segmentSizeMax).contains(UInt64(clamping: segmentSize)),
            "segmentSize", "\(segmentSize)", "a multiple of \(Layout.blockSize) from 16 KiB to 2 GiB")
        try check(
            (Layout.indexSpacingMin...Layout.indexSpacingMax).contains(indexSpacing),
            "indexSpacing", "\(indexSpacing)", "from 4 KiB to 16 MiB")
        try check(padding.isLegal, "padding", "\(padding)", "none, or a sector of 512, 1024, 2048 or 4096 bytes")
        try compression.validate(indexSpacing: indexSpacing)
        switch sync {
        case .never, .batch: break
        case .interval(let interval):
            try check(
                interval > .zero && interval <= .seconds(86_400 * 365), "sync", "interval \(interval)",
                "an interval above zero and up to a year")
        case .bytes(let bytes):
            try check(bytes >= 1, "sync", "bytes \(bytes)", "at least 1 byte")
        }
        try check((quarantineBytes ?? 0) >= 0, "quarantineBytes", "\(quarantineBytes ?? 0)", "at least 0")
        try check(queueBytes >= 1, "queueBytes", "\(queueBytes)", "at least 1")
        try check(queueEvents >= 1, "queueEvents", "\(queueEvents)", "at least 1")
        try check(observerQueue >= 1, "observerQueue", "\(observerQueue)", "at least 1")
        if let retention {
            do throws(WalError) {
                try retention.validate()
            } catch {
                throw WalError(.invalidOption, "the option retention can't be used: \(error.message)")
            }
        }
        try check(
            retentionInterval >= .milliseconds(1) && retentionInterval <= .seconds(86_400 * 365), "retentionInterval",
            "\(retentionInterval)", "from a millisecond to a year")
        try check(
            pollInterval.lowerBound >= .microseconds(100) && pollInterval.upperBound <= .seconds(3600), "pollInterval",
            "\(pollInterval)", "from 0.1 ms to an hour")
        if let filePermissions {
            try check(
                filePermissions.isSuperset(of: .ownerReadWrite)
                    && filePermissions.isSubset(of: [.ownerReadWrite, .groupReadWrite, .otherReadWrite]),
                "filePermissions", "\(filePermissions)", "reading and writing, for the owner at least")
        }
        try check(startLSN >= 1 && startLSN <= .max, "startLSN", "\(startLSN)", "from 1 to \(LSN.max)")
    }

    private func check(_ holds: Bool, _ name: String, _ value: String, _ legal: String) throws(WalError) {
        guard holds else {
            throw WalError(.invalidOption, "the option \(name) can't be \(value); it must be \(legal)")
        }
    }

    /// The options of the layer below.
    var storeOptions: StoreOptions {
        var store = StoreOptions()
        store.segmentSize = UInt64(segmentSize)
        store.indexSpacing = indexSpacing
        store.preallocation = preallocation ?? defaultPreallocation
        store.padding = padding
        store.recovery = recovery
        store.deepRecovery = deepRecovery
        store.quarantineBytes = quarantineBytes.map { UInt64($0) }
        store.keep = recoveryKeep
        store.startLSN = startLSN.rawValue
        store.readOnly = readOnly
        store.createIfMissing = createIfMissing
        store.readAccess = readAccess
        store.fileMode = filePermissions.map { UInt32($0.rawValue) }
        store.compression = compression
        return store
    }

    private var defaultPreallocation: Preallocation {
        switch sync {
        case .batch, .bytes: .prewritten
        case .never, .interval: .allocated
        }
    }
}
