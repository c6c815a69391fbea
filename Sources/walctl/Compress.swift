import ArgumentParser
import Wal
import WalPlatform

/// `walctl compress`: compresses sealed segments now.
struct Compress: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compress sealed segments.",
        discussion: """
            Each sealed segment becomes a file in the seekable format of zstd; the newest segment is not sealed and stays \
            raw, and so does one that doesn't shrink. Every block is read back and compared before the raw file goes. All \
            that reads a log reads compressed segments too; `zstd -d FILE` gives the raw segment back, byte for byte.

            Ctrl-C stops behind the segment being compressed, which stays raw.

            EXAMPLES
              walctl compress orders.wal
              walctl compress orders.wal --level 9 --keep-newest 10
              walctl compress orders.wal --block-size 16KiB --dictionary 64KiB
            """)

    @OptionGroup var log: LogArgument

    @Option(help: ArgumentHelp("zstd's level: -7 (fast) to 19 (small).", valueName: "level"))
    var level = 1

    @Option(help: ArgumentHelp("Bytes compressed together: what finding one event costs.", valueName: "size"))
    var blockSize: ByteSize?

    @Option(help: ArgumentHelp("Train a dictionary of this size for each file (default: none).", valueName: "size"))
    var dictionary: ByteSize?

    @Option(help: ArgumentHelp("Leave this many of the newest sealed segments as they are.", valueName: "count"))
    var keepNewest = 0

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingErrors {
            var progress = Progress()
            ProcessSignals.catchInterrupts()
            let report = try changing(log.log) { log in
                try log.compress(compression) { done, total in
                    progress.update("\(naturalSize(done)) of \(naturalSize(total))")
                    return ProcessSignals.wasInterrupted ? .stop : .continue
                }
            }
            progress.clear()
            try printOutput(json ? report.json.text : report.text)
            if ProcessSignals.wasInterrupted { throw Exit.interrupted }
        }
    }
}
