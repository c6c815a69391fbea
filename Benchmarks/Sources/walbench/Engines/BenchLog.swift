/// What a workload asks of an engine. One that can't do something does not have it faked: it is not listed for the workload.
protocol BenchLog: AnyObject, Sendable {
    /// One event, not durable.
    func append(_ payload: UnsafeRawBufferPointer) throws
    /// Events of one size that lie behind each other, all or none of them after a crash where the engine has that.
    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws
    /// One event, on stable storage when this returns.
    func appendDurably(_ payload: UnsafeRawBufferPointer) throws
    /// All that was appended is with the operating system when this returns.
    func flush() throws
    /// Every event, in order; borrowed where the engine can.
    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws
    /// Every event, in order, with memory of its own.
    func replayOwned(_ body: ([UInt8]) throws -> Void) throws
    /// The first bytes of the event of a number, counted from 0, found through whatever the engine offers for that.
    func find(_ number: UInt64) throws -> UInt64
    func close() throws
}

extension BenchLog {
    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        throw BenchmarkError.unsupported("batches")
    }
    func appendDurably(_ payload: UnsafeRawBufferPointer) throws { throw BenchmarkError.unsupported("durable appends") }
    func replayOwned(_ body: ([UInt8]) throws -> Void) throws {
        try replay { try body([UInt8]($0)) }
    }
    func find(_ number: UInt64) throws -> UInt64 { throw BenchmarkError.unsupported("finding an event") }
}

/// How a log is opened for a run.
struct OpenFor: Sendable {
    /// Bytes that will be appended: for contestants that get their files ready before.
    var bytes = 0
    /// Appends are durable.
    var isDurable = false
    /// For reading what is there.
    var isReading = false
    var segmentSize = 64 << 20
}

/// Something to do with a log, compiled for each engine by itself.
protocol LogTask {
    associatedtype Result
    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> Result
}

extension Contestant {
    /// Opens the log of this contestant at a path and runs the task; the task closes it.
    func open<Task: LogTask>(_ path: String, _ purpose: OpenFor, _ task: Task) throws -> Task.Result {
        switch self {
        case .wal, .walPrewritten, .walRead:
            return try task(try WalLog(path, purpose, self))
        case .floor, .floorAllocated, .floorPrewritten, .floorMapped:
            if purpose.isDurable { return try task(try FloorCommitLog(path, purpose)) }
            return try task(try FloorLog(path, purpose, self))
        #if Peers
        case .rocksdb, .rocksdbManual: return try task(try RocksDBLog(path, purpose, self))
        case .leveldb: return try task(try LevelDBLog(path, purpose))
        case .sqliteFull, .sqliteNormal: return try task(try SQLiteLog(path, purpose, self))
        case .grdb: return try task(try GRDBLog(path, purpose))
        #else
        default: throw BenchmarkError.unsupported("\(rawValue): built without the trait Peers")
        #endif
        }
    }
}
