#if Peers
import CSQLite
import Foundation

/// SQLite in WAL mode, through its C interface.
final class SQLiteLog: BenchLog, @unchecked Sendable {
    // Sendable: `lock` guards the rest. One connection behind a lock is what a program with SQLite inside does, as only one
    // can write at a time: durable appends by several threads pay for a commit each, one after the other.
    private let lock = NSLock()
    private let connection: SQLiteConnection
    private let isDurable: Bool
    private let begin, commit, rollback, insert, selectAll, selectOne: SQLiteStatement

    init(_ path: String, _ purpose: OpenFor, _ contestant: Contestant) throws {
        isDurable = contestant == .sqliteFull
        if !purpose.isReading {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        connection = try SQLiteConnection(path + "/events.db", isReading: purpose.isReading)
        if !purpose.isReading {
            try connection.execute("PRAGMA journal_mode = WAL")
            try connection.execute("PRAGMA synchronous = \(isDurable ? "FULL" : "NORMAL")")
            // Apple's fsync leaves data in the drive's cache; elsewhere this changes nothing.
            if isDurable { try connection.execute("PRAGMA fullfsync = ON") }
            try connection.execute("CREATE TABLE IF NOT EXISTS events(id INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
        }
        begin = try connection.prepare("BEGIN IMMEDIATE")
        commit = try connection.prepare("COMMIT")
        rollback = try connection.prepare("ROLLBACK")
        insert = try connection.prepare("INSERT INTO events(payload) VALUES (?)")
        selectAll = try connection.prepare("SELECT payload FROM events ORDER BY id")
        selectOne = try connection.prepare("SELECT payload FROM events WHERE id = ?")
    }

    func append(_ payload: UnsafeRawBufferPointer) throws {
        lock.lock()
        defer { lock.unlock() }
        try insert(payload)
    }

    func appendDurably(_ payload: UnsafeRawBufferPointer) throws {
        guard isDurable else { throw BenchmarkError.unsupported("durable appends with synchronous=NORMAL") }
        try append(payload)
    }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        lock.lock()
        defer { lock.unlock() }
        try begin.run()
        do {
            var at = 0
            while at < payloads.count {
                try insert(UnsafeRawBufferPointer(rebasing: payloads[at..<at + size]))
                at += size
            }
            try commit.run()
        } catch {
            // SQLite has rolled back by itself after some errors.
            if connection.isInTransaction { try rollback.run() }
            throw error
        }
    }

    private func insert(_ payload: UnsafeRawBufferPointer) throws {
        try insert.bind(payload)
        try insert.run()
    }

    /// Every commit has gone to the WAL file by itself.
    func flush() throws {}

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        lock.lock()
        defer { lock.unlock() }
        defer { selectAll.reset() }
        while try selectAll.step() { try body(selectAll.blob) }
    }

    func find(_ number: UInt64) throws -> UInt64 {
        lock.lock()
        defer { lock.unlock() }
        defer { selectOne.reset() }
        try selectOne.bind(Int64(number) + 1)
        guard try selectOne.step() else { throw BenchmarkError.wrongContents("SQLite has no event \(number)") }
        return try firstWord(selectOne.blob)
    }

    func close() throws {
        lock.lock()
        defer { lock.unlock() }
        for statement in [begin, commit, rollback, insert, selectAll, selectOne] { statement.close() }
        try connection.close()
    }
}
#endif
