#if Peers
import CLevelDB
import Foundation
import Synchronization

/// LevelDB with the number of the event as key; its write-ahead log is the log.
final class LevelDBLog: BenchLog, @unchecked Sendable {
    // Sendable: LevelDB takes calls from any thread, the options are only read, and nothing is called after `close()`.
    private var database: OpaquePointer?
    private let buffered = leveldb_writeoptions_create()
    private let durable = leveldb_writeoptions_create()
    // LevelDB verifies no checksums in reading unless asked to; left so, in its favour.
    private let scanning = leveldb_readoptions_create()
    private let finding = leveldb_readoptions_create()
    private let next = Atomic<UInt64>(0)

    init(_ path: String, _ purpose: OpenFor) throws {
        leveldb_writeoptions_set_sync(durable, 1)
        // A scan does not wash the blocks of others out of the cache.
        leveldb_readoptions_set_fill_cache(scanning, 0)

        let options = leveldb_options_create()
        defer { leveldb_options_destroy(options) }
        leveldb_options_set_create_if_missing(options, purpose.isReading ? 0 : 1)
        leveldb_options_set_compression(options, CInt(leveldb_no_compression))
        leveldb_options_set_write_buffer_size(options, 64 << 20)
        // As large as RocksDB's tables, instead of one for every 2 MiB.
        leveldb_options_set_max_file_size(options, 64 << 20)
        if !purpose.isReading {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        database = try checked { leveldb_open(options, path, &$0) }
        next.store(try end(), ordering: .relaxed)
    }

    deinit {
        if let database { leveldb_close(database) }
        leveldb_writeoptions_destroy(buffered)
        leveldb_writeoptions_destroy(durable)
        leveldb_readoptions_destroy(scanning)
        leveldb_readoptions_destroy(finding)
    }

    func append(_ payload: UnsafeRawBufferPointer) throws { try put(payload, buffered) }

    func appendDurably(_ payload: UnsafeRawBufferPointer) throws { try put(payload, durable) }

    @inline(__always)
    private func put(_ payload: UnsafeRawBufferPointer, _ options: OpaquePointer?) throws {
        let number = next.add(1, ordering: .relaxed).oldValue
        let value = payload.assumingMemoryBound(to: CChar.self)
        try KeyValueCalls.withKey(number) { key in
            try checked {
                leveldb_put(
                    database, options, key, KeyValueCalls.keySize, value.baseAddress, value.count, &$0)
            }
        }
    }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        let batch = leveldb_writebatch_create()
        defer { leveldb_writebatch_destroy(batch) }
        let values = payloads.assumingMemoryBound(to: CChar.self)
        var number = next.add(UInt64(values.count / size), ordering: .relaxed).oldValue
        var at = 0
        while at < values.count {
            let value = UnsafeBufferPointer(rebasing: values[at..<at + size])
            KeyValueCalls.withKey(number) {
                leveldb_writebatch_put(batch, $0, KeyValueCalls.keySize, value.baseAddress, size)
            }
            number += 1
            at += size
        }
        try checked { leveldb_write(database, buffered, batch, &$0) }
    }

    /// Every write has gone to the log's file by itself.
    func flush() throws {}

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let iterator = leveldb_create_iterator(database, scanning)
        defer { leveldb_iter_destroy(iterator) }
        leveldb_iter_seek_to_first(iterator)
        while leveldb_iter_valid(iterator) != 0 {
            var size = 0
            let value = leveldb_iter_value(iterator, &size)
            try body(UnsafeRawBufferPointer(start: value, count: size))
            leveldb_iter_next(iterator)
        }
        try checked { leveldb_iter_get_error(iterator, &$0) }
    }

    func find(_ number: UInt64) throws -> UInt64 {
        var size = 0
        let found = try KeyValueCalls.withKey(number) { key in
            try checked { leveldb_get(database, finding, key, KeyValueCalls.keySize, &size, &$0) }
        }
        guard let found else { throw BenchmarkError.wrongContents("LevelDB has no event \(number)") }
        defer { leveldb_free(found) }
        return try firstWord(UnsafeRawBufferPointer(start: found, count: size))
    }

    func close() throws {
        // LevelDB keeps what goes wrong in closing to itself.
        if let database { leveldb_close(database) }
        database = nil
    }

    /// The number of the next event.
    private func end() throws -> UInt64 {
        let iterator = leveldb_create_iterator(database, scanning)
        defer { leveldb_iter_destroy(iterator) }
        leveldb_iter_seek_to_last(iterator)
        guard leveldb_iter_valid(iterator) != 0 else {
            try checked { leveldb_iter_get_error(iterator, &$0) }
            return 0
        }
        var size = 0
        let key = leveldb_iter_key(iterator, &size)
        return try KeyValueCalls.number(after: key, size)
    }

    @inline(__always)
    private func checked<R>(_ call: (inout UnsafeMutablePointer<CChar>?) throws -> R) throws -> R {
        try KeyValueCalls.checked("LevelDB", call)
    }
}
#endif
