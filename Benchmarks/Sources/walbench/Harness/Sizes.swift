/// How much is done: events for runs of half a second and more, scaled.
struct Sizes: Sendable {
    var scale: Double

    /// Bytes in the log that is read.
    var readBytes: Int { max(Int(Double(1 << 30) * scale), 16 << 20) }
    static let readSize = 256
    var readEvents: Int { readBytes / Self.readSize / 100 * 100 }

    var compressedEvents: Int { Int(6_000_000 * scale) }

    var durableSeconds: Double { max(0.6 * scale, 0.25) }
    var pacedSeconds: Double { max(1.5 * scale, 0.4) }
    var seeks: Int { Int(100_000 * scale) }

    /// Events of one run of appends: what takes the contestant about 0.6 seconds on a machine of today, and no more than
    /// 1.3 GB.
    func appends(_ contestant: Contestant, size: Int, batch: Int) -> Int {
        let nanoseconds: Double =
            switch contestant {
            case .wal, .walPrewritten, .walRead, .floor, .floorAllocated, .floorPrewritten, .floorMapped:
                30 + Double(size) / 4
            case .rocksdb: batch > 1 ? 1_500 : 2_400 + Double(size)
            case .rocksdbManual: batch > 1 ? 1_500 : 1_200 + Double(size)
            case .leveldb: batch > 1 ? 1_000 : 1_400 + Double(size)
            case .sqliteFull, .sqliteNormal, .grdb:
                batch > 1 ? 400 + 13_000 / Double(batch) : 14_000 + Double(size)
            }
        let count = min(0.6e9 * scale / nanoseconds, 1.3e9 * scale / Double(size))
        return max(Int(count), batch * 16)
    }
}
