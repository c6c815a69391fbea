#if Peers
import CRocksDB
import Foundation
import Synchronization

/// RocksDB with the number of the event as key; its write-ahead log is the log.
final class RocksDBLog: BenchLog, @unchecked Sendable {
    // Sendable: RocksDB takes calls from any thread, the options are only read, and nothing is called after `close()`.
    private var database: OpaquePointer?
    private let buffered = rocksdb_writeoptions_create()
    private let durable = rocksdb_writeoptions_create()
    private let scanning = rocksdb_readoptions_create()
    private let finding = rocksdb_readoptions_create()
    private let next = Atomic<UInt64>(0)
    private let flushesByHand: Bool

    init(_ path: String, _ purpose: OpenFor, _ contestant: Contestant) throws {
        flushesByHand = contestant == .rocksdbManual && !purpose.isReading
        rocksdb_writeoptions_set_sync(durable, 1)
        // A scan does not wash the blocks of others out of the cache.
        rocksdb_readoptions_set_fill_cache(scanning, 0)

        let options = rocksdb_options_create()
        defer { rocksdb_options_destroy(options) }
        rocksdb_options_set_create_if_missing(options, purpose.isReading ? 0 : 1)
        rocksdb_options_set_compression(options, CInt(rocksdb_no_compression))
        rocksdb_options_set_wal_compression(options, CInt(rocksdb_no_compression))
        rocksdb_options_set_write_buffer_size(options, 64 << 20)
        rocksdb_options_set_max_write_buffer_number(options, 4)
        rocksdb_options_set_manual_wal_flush(options, flushesByHand ? 1 : 0)
        if purpose.isReading {
            database = try checked { rocksdb_open_for_read_only(options, path, 0, &$0) }
        } else {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            database = try checked { rocksdb_open(options, path, &$0) }
            next.store(try end(), ordering: .relaxed)
        }
    }

    deinit {
        if let database { rocksdb_close(database) }
        rocksdb_writeoptions_destroy(buffered)
        rocksdb_writeoptions_destroy(durable)
        rocksdb_readoptions_destroy(scanning)
        rocksdb_readoptions_destroy(finding)
    }

    func append(_ payload: UnsafeRawBufferPointer) throws { try put(payload, buffered) }

    func appendDurably(_ payload: UnsafeRawBufferPointer) throws { try put(payload, durable) }

    @inline(__always)
    private func put(_ payload: UnsafeRawBufferPointer, _ options: OpaquePointer?) throws {
        let number = next.add(1, ordering: .relaxed).oldValue
        let value = payload.assumingMemoryBound(to: CChar.self)
        try KeyValueCalls.withKey(number) { key in
            try checked {
                rocksdb_put(
                    database, options, key, KeyValueCalls.keySize, value.baseAddress, value.count, &$0)
            }
        }
    }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        let batch = rocksdb_writebatch_create()
        defer { rocksdb_writebatch_destroy(batch) }
        let values = payloads.assumingMemoryBound(to: CChar.self)
        var number = next.add(UInt64(values.count / size), ordering: .relaxed).oldValue
        var at = 0
        while at < values.count {
            let value = UnsafeBufferPointer(rebasing: values[at..<at + size])
            KeyValueCalls.withKey(number) {
                rocksdb_writebatch_put(batch, $0, KeyValueCalls.keySize, value.baseAddress, size)
            }
            number += 1
            at += size
        }
        try checked { rocksdb_write(database, buffered, batch, &$0) }
    }

    func flush() throws {
        if flushesByHand { try checked { rocksdb_flush_wal(database, 0, &$0) } }
    }

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let iterator = rocksdb_create_iterator(database, scanning)
        defer { rocksdb_iter_destroy(iterator) }
        rocksdb_iter_seek_to_first(iterator)
        while rocksdb_iter_valid(iterator) != 0 {
            var size = 0
            let value = rocksdb_iter_value(iterator, &size)
            try body(UnsafeRawBufferPointer(start: value, count: size))
            rocksdb_iter_next(iterator)
        }
        try checked { rocksdb_iter_get_error(iterator, &$0) }
    }

    func find(_ number: UInt64) throws -> UInt64 {
        let found = try KeyValueCalls.withKey(number) { key in
            try checked { rocksdb_get_pinned(database, finding, key, KeyValueCalls.keySize, &$0) }
        }
        guard let found else { throw BenchmarkError.wrongContents("RocksDB has no event \(number)") }
        defer { rocksdb_pinnableslice_destroy(found) }
        var size = 0
        let value = rocksdb_pinnableslice_value(found, &size)
        return try firstWord(UnsafeRawBufferPointer(start: value, count: size))
    }

    func close() throws {
        guard let database else { return }
        // RocksDB keeps what goes wrong in closing to itself.
        defer {
            rocksdb_close(database)
            self.database = nil
        }
        try flush()
    }

    /// The number of the next event.
    private func end() throws -> UInt64 {
        let iterator = rocksdb_create_iterator(database, scanning)
        defer { rocksdb_iter_destroy(iterator) }
        rocksdb_iter_seek_to_last(iterator)
        guard rocksdb_iter_valid(iterator) != 0 else {
            try checked { rocksdb_iter_get_error(iterator, &$0) }
            return 0
        }
        var size = 0
        let key = rocksdb_iter_key(iterator, &size)
        return try KeyValueCalls.number(after: key, size)
    }

    @inline(__always)
    private func checked<R>(_ call: (inout UnsafeMutablePointer<CChar>?) throws -> R) throws -> R {
        try KeyValueCalls.checked("RocksDB", call)
    }
}
#endif
