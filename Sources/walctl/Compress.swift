import ArgumentParser
import Wal

/// `walctl compress`: compresses sealed segments now.
struct Compress: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compress sealed segments.",
        discussion: """
            Each sealed segment becomes a file in the seekable format of zstd; the newest segment is not sealed and stays \
            raw, and so does one that doesn't shrink. Every block is read back and compared before the raw file goes. All \
            that reads a log reads compressed segments too; `zstd -d FILE` gives the raw segment back, byte for byte.

            It may be stopped at any moment: the segment it was at stays raw.

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

    private var compression: Compression {
        var compression = Compression.zstd(
            level: level, segments: keepNewest == 0 ? .allSealed : .allButNewest(keepNewest),
            dictionarySize: dictionary?.bytes ?? 0)
        if let blockSize { compression.blockSize = blockSize.bytes }
        return compression
    }

    func run() throws {
        try reportingErrors {
            // Refused before the log is opened.
            if let blockSize, blockSize.bytes < 4096 {
                throw ToolError(message: "--block-size must be at least 4KiB", exit: Exit.usage)
            }
            let report = try changing(log.path) { log in
                var progress = Progress()
                defer { progress.clear() }
                return try log.compress(compression) { done, total in
                    progress.update("\(naturalSize(done / 2)) of \(naturalSize(total / 2))")
                }
            }
            try printOutput(json ? report.json.text : report.text)
        }
    }
}

extension CompressionReport {
    private var ratio: Double { fileBytes == 0 ? 1 : Double(rawBytes) / Double(fileBytes) }

    var json: JSON {
        .object([
            ("compressed", .integer(compressedCount)), ("rawBytes", .unsigned(rawBytes)),
            ("fileBytes", .unsigned(fileBytes)),
            ("ratio", .number(ratio)), ("incompressible", .integer(incompressibleCount)),
        ])
    }

    var text: String {
        let left = incompressibleCount == 0 ? "" : "; \(incompressibleCount) left raw, which would hardly shrink"
        guard compressedCount > 0 else { return "nothing to compress\(left)" }
        return
            "compressed \(counted(compressedCount, "segment")): \(naturalSize(rawBytes)) to \(naturalSize(fileBytes)), "
            + "\(decimals(ratio, 2)) times smaller\(left)"
    }
}
