/// One row of the table of workloads: what is done, by whom, and what counts.
struct Workload: Sendable {
    enum Action: Sendable {
        case append(threads: Int, size: Int, batch: Int)
        case durable(threads: Int)
        case read(ReadWorkload.Manner)
        case seek
        case open(afterKill: Bool)
        case paced
        case sizes
        case compressed
        case follow
    }

    var id: String
    var title: String
    var action: Action
    var contestants: [Contestant]
    /// The value that counts, its name in the samples, and its unit.
    var value = "value"
    var unit = "ns/event"
    var lowerIsBetter = true
    /// In words, relative to the floor or to a peer.
    var target: String
    /// Other values worth a column, with their units.
    var also: [(name: String, unit: String)] = []
    /// The floor that ours is compared to.
    var floor: Contestant? = .floor
    /// Which of the prepared logs it reads.
    var reads: Preparation?
}

/// A log made once and read by several workloads.
enum Preparation: String, Sendable, CaseIterable {
    case plain, compressed, killed
}

extension Workload {
    private static let writers: [Contestant] = [
        .wal, .floor, .floorAllocated, .rocksdb, .rocksdbManual, .leveldb, .sqliteNormal, .grdb,
    ]
    private static let batchers: [Contestant] = [
        .wal, .floor, .rocksdb, .rocksdbManual, .leveldb, .sqliteNormal, .grdb,
    ]
    private static let committers: [Contestant] = [.wal, .floor, .rocksdb, .leveldb, .sqliteFull, .grdb]
    private static let readers: [Contestant] = [
        .wal, .walRead, .floor, .floorMapped, .rocksdb, .leveldb, .sqliteNormal, .grdb,
    ]

    static let all: [Workload] = [
        Workload(
            id: "W1", title: "append 128 B, 1 thread", action: .append(threads: 1, size: 128, batch: 1),
            contestants: writers, target: "at most 1.1 × the floor"),
        Workload(
            id: "W1p", title: "the same into prewritten files", action: .append(threads: 1, size: 128, batch: 1),
            contestants: [.walPrewritten, .floorPrewritten], target: "at most 20 ns (the floor: 13.6)",
            floor: .floorPrewritten),
        Workload(
            id: "W2", title: "append 128 B, 4 threads", action: .append(threads: 4, size: 128, batch: 1),
            contestants: [.wal, .floor, .floorAllocated, .rocksdb, .leveldb, .sqliteNormal],
            target: "at most 0.83 × the floor"),
        Workload(
            id: "W2b", title: "append 128 B, 16 threads", action: .append(threads: 16, size: 128, batch: 1),
            contestants: [.wal, .floor, .floorAllocated, .rocksdb, .leveldb, .sqliteNormal],
            target: "at most 1.28 × the floor"),
        Workload(
            id: "W3", title: "batches of 100 × 128 B", action: .append(threads: 1, size: 128, batch: 100),
            contestants: batchers, target: "at most 1.1 × the floor"),
        Workload(
            id: "W3b", title: "batches of 10 × 128 B", action: .append(threads: 1, size: 128, batch: 10),
            contestants: batchers, target: "at most 0.95 × the floor"),
        Workload(
            id: "W4", title: "append 1 KiB", action: .append(threads: 1, size: 1024, batch: 1),
            contestants: [.wal, .floor, .rocksdb, .leveldb, .sqliteNormal], target: "at most 1.25 × the floor"),
        Workload(
            id: "W4b", title: "append 64 KiB", action: .append(threads: 1, size: 64 << 10, batch: 1),
            contestants: [.wal, .floor, .rocksdb, .leveldb, .sqliteNormal], target: "at most 1.33 × the floor"),
        Workload(
            id: "W4c", title: "append 1 MiB", action: .append(threads: 1, size: 1 << 20, batch: 1),
            contestants: [.wal, .floor, .rocksdb, .leveldb, .sqliteNormal], target: "at most 1.33 × the floor"),
        Workload(
            id: "W5", title: "durable append 128 B, 1 thread", action: .durable(threads: 1),
            contestants: committers, value: "p50", unit: "µs, p50", target: "at most 1.05 × the floor",
            also: [("p99", "µs, p99"), ("rate", "operations/s")]),
        Workload(
            id: "W6", title: "durable append 128 B, 4 threads", action: .durable(threads: 4),
            contestants: committers, value: "rate", unit: "operations/s", lowerIsBetter: false,
            target: "at least 1.1 × the floor", also: [("p50", "µs, p50"), ("p99", "µs, p99")]),
        Workload(
            id: "W6b", title: "durable append 128 B, 16 threads", action: .durable(threads: 16),
            contestants: committers, value: "rate", unit: "operations/s", lowerIsBetter: false,
            target: "at least 1.1 × the floor", also: [("p50", "µs, p50"), ("p99", "µs, p99")]),
        Workload(
            id: "W6c", title: "durable append 128 B, 64 threads", action: .durable(threads: 64),
            contestants: committers, value: "rate", unit: "operations/s", lowerIsBetter: false,
            target: "at least 1.1 × the floor", also: [("p50", "µs, p50"), ("p99", "µs, p99")]),
        Workload(
            id: "W7", title: "replay of 256 B events, page cache warm, borrowed", action: .read(.borrowed),
            contestants: readers, target: "at most 1.05 × the floor (pread), 1.07 × on one core (maps)",
            also: [("rate", "GB/s")], reads: .plain),
        Workload(
            id: "W7o", title: "the same, payloads owned", action: .read(.owned),
            contestants: [.wal, .floor, .rocksdb, .leveldb, .sqliteNormal, .grdb], target: "at most 1.33 × the floor",
            also: [("rate", "GB/s")], reads: .plain),
        Workload(
            id: "W7c", title: "the same, page cache cold", action: .read(.cold),
            contestants: [.wal, .walRead, .floor, .rocksdb, .leveldb, .sqliteNormal], value: "rate", unit: "GB/s",
            lowerIsBetter: false,
            target: "at least 0.97 × the floor", reads: .plain),
        Workload(
            id: "W8", title: "pull iterator, warm", action: .read(.pulled), contestants: [.wal, .walRead, .floor],
            target: "at most 1.18 × the floor", also: [("rate", "GB/s")], reads: .plain),
        Workload(
            id: "W9", title: "first event at a random place of an open log", action: .seek,
            contestants: [.wal, .walRead, .floor, .rocksdb, .leveldb, .sqliteNormal], unit: "µs, p50",
            target: "at most 1.05 × the floor", also: [("p99", "µs, p99")], reads: .plain),
        Workload(
            id: "W10", title: "open after a clean close", action: .open(afterKill: false),
            contestants: [.wal, .rocksdb, .leveldb, .sqliteNormal], unit: "ms", target: "at most 2 ms", floor: nil,
            reads: .plain),
        Workload(
            id: "W10b", title: "open after kill -9", action: .open(afterKill: true), contestants: [.wal], unit: "ms",
            target: "at most 5 ms", floor: nil, reads: .killed),
        Workload(
            id: "W11", title: "latency of the call at 100,000 appends a second, across rolls", action: .paced,
            contestants: [.wal, .floor, .rocksdb, .leveldb], value: "p999", unit: "µs, p99.9",
            target: "p99.9 at most the floor's, max at most 3 × the floor's",
            also: [("p50", "µs, p50"), ("p99", "µs, p99"), ("max", "µs, max")]),
        Workload(
            id: "W12", title: "bytes on disk per 128 B event", action: .sizes, contestants: [.wal],
            unit: "bytes, single appends", target: "140, batches 138, zstd level -1 50",
            also: [("batches", "bytes, batches of 100"), ("zstd", "bytes, zstd level -1")], floor: nil),
        Workload(
            id: "W13", title: "replay of a compressed log (zstd level 1), 256 B events", action: .compressed,
            contestants: [.wal, .floor], unit: "GB/s", lowerIsBetter: false,
            target: "at least 0.9 × libzstd alone × the cores used",
            also: [("cores", "cores used"), ("perCore", "GB/s per core")], reads: .compressed),
        Workload(
            id: "W14", title: "append on one thread to delivery on another", action: .follow,
            contestants: [.wal, .floor], unit: "µs, p50", target: "25 µs; no processor time when idle",
            also: [("p99", "µs, p99"), ("idle", "ms of processor in an idle second")]),
    ]
}
