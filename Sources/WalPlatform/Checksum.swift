public import CWalPlatform

// Public for inlining, as `Lock` is.

/// CRC-32C (Castagnoli), by the fastest instructions that the processor has.
public enum CRC32C {
    /// How the running processor computes it, for reports.
    package enum Method: CInt, Sendable, CaseIterable {
        case tables
        case interleavedInstructions
        case carrylessMultiplication
    }

    package static var method: Method { Method(rawValue: wal_crc32c_method()) ?? .tables }

    /// The checksum of `bytes`; with the checksum of some bytes as the seed, that of those and these in a row.
    @inlinable
    public static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        wal_crc32c(seed, bytes.baseAddress, bytes.count)
    }

    /// The same by the given method, or by a slower one where the processor lacks it.
    ///
    /// For tests.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0, by method: Method) -> UInt32 {
        switch method {
        case .tables: wal_crc32c_portable(seed, bytes.baseAddress, bytes.count)
        case .interleavedInstructions: wal_crc32c_interleaved(seed, bytes.baseAddress, bytes.count)
        case .carrylessMultiplication: wal_crc32c(seed, bytes.baseAddress, bytes.count)
        }
    }
}
