/// Who takes part. A contestant is an engine, and how it is set up.
enum Contestant: String, CaseIterable, Codable, Sendable {
    case wal
    /// Into files that were filled with zeros before.
    case walPrewritten = "wal-prewritten"
    /// Reads with pread instead of maps.
    case walRead = "wal-read"
    case floor
    case floorAllocated = "floor-allocated"
    case floorPrewritten = "floor-prewritten"
    case floorMapped = "floor-mapped"
    case rocksdb
    /// RocksDB with `manual_wal_flush`: its log is written when asked.
    case rocksdbManual = "rocksdb-manual"
    case leveldb
    /// SQLite in WAL mode, `synchronous=FULL`: a commit is durable.
    case sqliteFull = "sqlite-full"
    /// SQLite in WAL mode, `synchronous=NORMAL`: a commit is written.
    case sqliteNormal = "sqlite-normal"
    /// SQLite as a Swift program would use it, through GRDB.
    case grdb

    enum Kind: String, Codable, Sendable {
        case ours, floor, peer
    }

    var kind: Kind {
        switch self {
        case .wal, .walPrewritten, .walRead: .ours
        case .floor, .floorAllocated, .floorPrewritten, .floorMapped: .floor
        default: .peer
        }
    }

    static var peersAreBuilt: Bool {
        #if Peers
        true
        #else
        false
        #endif
    }
}
