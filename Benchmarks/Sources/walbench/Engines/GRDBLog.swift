#if Peers
import Foundation
import GRDB

/// SQLite as a Swift program uses it: a pool of connections of GRDB.
final class GRDBLog: BenchLog {
    private let pool: DatabasePool

    init(_ path: String, _ purpose: OpenFor) throws {
        var configuration = Configuration()
        configuration.readonly = purpose.isReading
        if !purpose.isReading {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        pool = try DatabasePool(path: path + "/events.db", configuration: configuration)
        if purpose.isReading { return }
        if purpose.isDurable {
            // Not in `prepareDatabase`: the pool sets NORMAL after it.
            try pool.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA synchronous = FULL")
                // Apple's fsync leaves data in the drive's cache; elsewhere this changes nothing.
                try $0.execute(sql: "PRAGMA fullfsync = ON")
            }
        }
        try pool.write {
            try $0.execute(sql: "CREATE TABLE IF NOT EXISTS events(id INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
        }
    }

    func append(_ payload: UnsafeRawBufferPointer) throws {
        // One statement is a transaction by itself; `write` would begin and commit one around it.
        try pool.writeWithoutTransaction { try Self.insert(payload, $0) }
    }

    func appendDurably(_ payload: UnsafeRawBufferPointer) throws { try append(payload) }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        try pool.write { database in
            var at = 0
            while at < payloads.count {
                try Self.insert(UnsafeRawBufferPointer(rebasing: payloads[at..<at + size]), database)
                at += size
            }
        }
    }

    private static func insert(_ payload: UnsafeRawBufferPointer, _ database: Database) throws {
        let statement = try database.cachedStatement(sql: "INSERT INTO events(payload) VALUES (?)")
        try statement.execute(arguments: [Data(payload)])
    }

    /// Every commit has gone to the WAL file by itself.
    func flush() throws {}

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try pool.read { database in
            // Faster than lending the bytes of rows for small events, and no slower for large ones.
            let payloads = try Data.fetchCursor(database, sql: "SELECT payload FROM events ORDER BY id")
            while let payload = try payloads.next() { try payload.withUnsafeBytes(body) }
        }
    }

    func find(_ number: UInt64) throws -> UInt64 {
        let payload = try pool.read { database in
            let statement = try database.cachedStatement(sql: "SELECT payload FROM events WHERE id = ?")
            return try Data.fetchOne(statement, arguments: [Int64(number) + 1])
        }
        guard let payload else { throw BenchmarkError.wrongContents("GRDB has no event \(number)") }
        return try payload.withUnsafeBytes(firstWord)
    }

    func close() throws { try pool.close() }
}
#endif
