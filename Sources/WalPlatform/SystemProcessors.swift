import CWalPlatform

/// What the machine can run at once.
package enum SystemProcessors {
    /// How many processors this process may use; at least 1.
    package static let count = max(1, Int(wal_processor_count()))
}
