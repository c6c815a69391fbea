import SegmentStore

extension StorageFile {
    /// Writes an array's bytes.
    func write(at offset: UInt64, _ bytes: [UInt8]) throws(StorageError) {
        let failure = bytes.withUnsafeBytes { bytes -> StorageError? in
            do throws(StorageError) {
                try write(at: offset, bytes)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Reads up to `count` bytes.
    func read(at offset: UInt64, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: count)
        let done = try bytes.withUnsafeMutableBytes { try read(at: offset, into: $0) }
        return Array(bytes.prefix(done))
    }
}

/// What a storage call fails with, in the words of an expectation; nil if it succeeds.
func failure<Result>(_ body: () throws -> Result) -> StorageError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? StorageError
    }
}

extension Array<UInt8> {
    /// A copy of what is mapped; the mapping lives until it is made, which `mapping.bytes` alone does not see to.
    init(_ mapping: any StorageMapping) {
        self = withExtendedLifetime(mapping) { Array(mapping.bytes) }
    }
}
