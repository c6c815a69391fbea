import CWalPlatform

/// The working directory of the process.
package enum WorkingDirectory {
    /// Its path, as the bytes the system gives; nil if it has none any more, or a longer one than any system's.
    package static var path: [UInt8]? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64 << 10) { text in
            guard let start = text.baseAddress, wal_working_directory(start, text.count) == 0 else { return nil }
            return text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        }
    }
}
