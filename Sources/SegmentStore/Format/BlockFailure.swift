/// How reading a block with a magic number, a version and feature bits can fail: a segment header or a superblock slot. The order
/// of the cases is that of the checks: a foreign file is never called damaged.
package enum BlockFailure: Error, Sendable, Hashable {
    case tooShort
    case foreignMagic
    case damaged
    case unsupportedVersion(UInt16)
    case unsupportedFeatures(UInt64)
    case impossible(String)
}

extension Block {
    /// Checks what all versions have in common and returns the feature bits; the fields behind them may be read then.
    func openedFeatures(magic: UInt64, checksumField: Int) throws(BlockFailure) -> FeatureBits {
        guard bytes.count == Layout.blockSize else { throw .tooShort }
        guard load(0, as: UInt64.self) == magic else { throw .foreignMagic }
        guard isIntact(field: checksumField) else { throw .damaged }
        let version: UInt16 = load(8)
        guard version == Layout.version else { throw .unsupportedVersion(version) }
        let features = FeatureBits(self, at: 16)
        let unknown = features.required & ~FeatureBits.known.required
        guard unknown == 0 else { throw .unsupportedFeatures(unknown) }
        return features
    }
}
