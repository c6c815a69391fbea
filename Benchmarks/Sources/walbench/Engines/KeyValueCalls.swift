#if Peers
import Foundation

/// What the C interfaces of RocksDB and LevelDB have in common.
enum KeyValueCalls {
    static let keySize = 8

    /// The number of an event as a key: bytes that sort as the numbers do.
    @inline(__always)
    static func withKey<R>(_ number: UInt64, _ body: (UnsafePointer<CChar>) throws -> R) rethrows -> R {
        try withUnsafePointer(to: number.bigEndian) {
            try $0.withMemoryRebound(to: CChar.self, capacity: keySize, body)
        }
    }

    /// The number that follows the one of a key.
    static func number(after key: UnsafePointer<CChar>?, _ size: Int) throws -> UInt64 {
        guard let key, size == keySize else { throw BenchmarkError.wrongContents("a key of \(size) bytes") }
        return UInt64(bigEndian: UnsafeRawPointer(key).loadUnaligned(as: UInt64.self)) + 1
    }

    /// Makes a call that tells of its failure by a message from `malloc`.
    @inline(__always)
    static func checked<R>(
        _ engine: StaticString, _ call: (inout UnsafeMutablePointer<CChar>?) throws -> R
    ) throws -> R {
        var message: UnsafeMutablePointer<CChar>?
        let result = try call(&message)
        if let message {
            defer { free(message) }
            throw BenchmarkError.engine("\(engine): \(String(cString: message))")
        }
        return result
    }
}
#endif
