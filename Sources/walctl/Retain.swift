import ArgumentParser
import Wal

/// `walctl retain`: applies a retention policy now.
struct Retain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drop old segments until the log is within given limits.",
        discussion: """
            A segment goes as soon as one of the limits says so: whole segments, the oldest first, never the newest. \
            --max-bytes counts the sizes of the segment files, the newest one's by what is used of it; --max-age is \
            compared with the time at which the newest event of a segment was written.

            What a checkpoint has not yet processed stays, unless --override-checkpoints is given; the output names the \
            checkpoints that hold something back, and those that were passed. A clock that was wrong for a while makes \
            nothing go early; the output says which segments count from another time than their own.

            With --dry-run nothing is changed: it says what would go, and why.

            EXAMPLES
              walctl retain orders.wal --max-age 90d --max-bytes 100GiB --dry-run
              walctl retain orders.wal --max-segments 1000
            """)

    @OptionGroup var log: LogArgument

    @Option(help: ArgumentHelp("Keep at most this many bytes.", valueName: "size"))
    var maxBytes: ByteSize?

    @Option(help: ArgumentHelp("Drop segments whose newest event is older than this.", valueName: "duration"))
    var maxAge: NaturalDuration?

    @Option(help: ArgumentHelp("Keep at most this many segments, the newest included.", valueName: "count"))
    var maxSegments: Int?

    @Flag(help: "Drop also what checkpoints have not yet processed.")
    var overrideCheckpoints = false

    @Flag(help: "Change nothing; say what would go, and why.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if maxBytes == nil, maxAge == nil, maxSegments == nil {
            throw ValidationError("Give at least one of --max-bytes, --max-age and --max-segments.")
        }
        if let maxSegments, maxSegments < 1 { throw ValidationError("--max-segments must be at least 1.") }
    }

    private var policy: Retention {
        var policy = Retention()
        policy.maxBytes = maxBytes.map { UInt64($0.bytes) }
        policy.maxAge = maxAge?.duration
        policy.maxSegments = maxSegments
        policy.overridesCheckpoints = overrideCheckpoints
        return policy
    }

    func run() throws {
        try reportingErrors {
            let report: RetentionReport
            if dryRun {
                let log = try openForReading(log.path)
                report = try log.retentionPlan(policy)
                try log.close()
            } else {
                report = try changing(log.path) { log in try log.applyRetention(policy) }
            }
            try printOutput(json ? report.json(dryRun: dryRun).text : report.text(dryRun: dryRun))
        }
    }
}
