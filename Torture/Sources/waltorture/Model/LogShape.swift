import Wal

/// How a log is opened in one life, as it follows from a seed.
struct LogShape {
    var options = WriteAheadLog.Options()
    /// The same for all lives of one log.
    let sizes: Payload.Sizes

    /// - Parameters:
    ///   - seed: of the log.
    ///   - life: which life of it.
    ///   - access: how events are read; nil: either way.
    init(seed: UInt64, life: UInt64, access: ReadAccess? = nil) {
        var ofLog = SplitMix(seed, 1)
        sizes = ofLog.chance(50) ? .fixed : .varying
        options.segmentSize = ofLog.pick([16 << 10, 32 << 10, 64 << 10, 256 << 10])
        var ofLife = SplitMix(seed, life, 2)
        options.indexSpacing = 4096
        options.sync = ofLife.pick([.never, .batch, .batch, .interval(.milliseconds(1)), .bytes(8000)])
        options.preallocation = ofLife.pick([.growing, .allocated, .prewritten, nil])
        options.compression = ofLife.chance(50) ? .zstd(segments: .allButNewest(1), blockSize: 4096) : .none
        options.readAccess = access ?? ofLife.pick([.mapped, .read])
        options.queueBytes = ofLife.pick([8 << 10, 64 << 10, 4 << 20])
    }
}
