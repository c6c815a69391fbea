import CWalPlatform

/// The system's random source.
package enum SystemRandom {
    /// 64 unpredictable bits.
    package static func bits64() -> UInt64 {
        var bits: UInt64 = 0
        guard withUnsafeMutableBytes(of: &bits, { wal_random($0.baseAddress, $0.count) }) == 0 else {
            // No such call in this kernel or sandbox; the standard library knows the other ways.
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        }
        return bits
    }
}
