#if Peers
import CSQLite

/// A connection to SQLite whose result codes are errors.
final class SQLiteConnection {
    fileprivate private(set) var handle: OpaquePointer?

    init(_ path: String, isReading: Bool) throws {
        // Whoever has the connection has a lock: SQLite needn't take its own.
        let access = isReading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        try check(sqlite3_open_v2(path, &handle, access | SQLITE_OPEN_NOMUTEX, nil))
    }

    deinit { sqlite3_close_v2(handle) }

    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    func execute(_ sql: String) throws { try check(sqlite3_exec(handle, sql, nil, nil, nil)) }

    func prepare(_ sql: String) throws -> SQLiteStatement { try SQLiteStatement(self, sql) }

    func close() throws {
        guard handle != nil else { return }
        try check(sqlite3_close(handle))
        handle = nil
    }

    @inline(__always)
    fileprivate func check(_ code: CInt) throws {
        if code != SQLITE_OK { throw error() }
    }

    fileprivate func error() -> BenchmarkError {
        .engine("SQLite: " + (sqlite3_errmsg(handle).map { String(cString: $0) } ?? "out of memory"))
    }
}

/// A statement that is prepared once and run many times.
final class SQLiteStatement {
    private let connection: SQLiteConnection
    private var handle: OpaquePointer?

    fileprivate init(_ connection: SQLiteConnection, _ sql: String) throws {
        self.connection = connection
        try connection.check(
            sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil))
    }

    deinit { sqlite3_finalize(handle) }

    /// Borrows the bytes until the statement has run.
    func bind(_ bytes: UnsafeRawBufferPointer) throws {
        try connection.check(sqlite3_bind_blob64(handle, 1, bytes.baseAddress, UInt64(bytes.count), nil))
    }

    func bind(_ number: Int64) throws { try connection.check(sqlite3_bind_int64(handle, 1, number)) }

    /// Runs a statement that has no rows.
    func run() throws {
        let code = sqlite3_step(handle)
        defer { reset() }
        if code != SQLITE_DONE { throw connection.error() }
    }

    /// Whether there is a row.
    @inline(__always)
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        default: throw connection.error()
        }
    }

    /// The first column of the row, until the next step.
    var blob: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: sqlite3_column_blob(handle, 0), count: Int(sqlite3_column_bytes(handle, 0)))
    }

    func reset() {
        // It repeats the error of the last step, which was thrown then.
        sqlite3_reset(handle)
    }

    func close() {
        // As above.
        sqlite3_finalize(handle)
        handle = nil
    }
}
#endif
