/// Whether and how sealed segments are compressed: in the background, or when it is asked for.
///
/// A value that may differ from one opening of a log to the next: raw and compressed segments mix freely.
///
/// ```swift
/// options.compression = .zstd(level: 1, segments: .allButNewest(4))
/// ```
public struct Compression: Sendable, Hashable {
    /// Which sealed segments are compressed in the background.
    public enum Segments: Sendable, Hashable {
        /// All of them, each soon after it is sealed.
        case allSealed
        /// All but so many of the newest ones, which are read most; 0 or more.
        case allButNewest(Int)
    }

    /// Whether anything is compressed at all.
    public var isOn: Bool
    /// What zstd calls the level: from about -131072 (fast) over 1 (the default) to 22 (small, very slow, much memory).
    public var level: Int
    /// Which sealed segments are compressed in the background.
    public var segments: Segments
    /// The least number of raw bytes in a block, which is what finding one event has to unpack: 4 KiB to 64 MiB, and at least the
    /// index spacing, since blocks end where the index has an entry. The default is 128 KiB.
    public var blockSize: Int
    /// The size of the dictionary that is trained from each segment's own events and kept in its file, in bytes: 0 for none (the
    /// default), else 1 KiB to 1 MiB. It helps with small blocks only, and `zstd -d` needs it given.
    public var dictionarySize: Int

    /// Nothing is compressed.
    public static let none = Compression(
        isOn: false, level: 1, segments: .allSealed, blockSize: 128 << 10, dictionarySize: 0)

    /// Sealed segments are compressed with zstd.
    ///
    /// - Parameters:
    ///   - level: from fast and large (negative) to slow and small (22).
    ///   - segments: which ones the background work takes.
    ///   - blockSize: the least number of raw bytes in a block; 4 KiB to 64 MiB, at least the index spacing.
    ///   - dictionarySize: of a trained dictionary in bytes; 0 for none, else 1 KiB to 1 MiB.
    public static func zstd(
        level: Int = 1, segments: Segments = .allSealed, blockSize: Int = 128 << 10, dictionarySize: Int = 0
    ) -> Compression {
        Compression(
            isOn: true, level: level, segments: segments, blockSize: blockSize, dictionarySize: dictionarySize)
    }

    /// Refuses what can't be used.
    package func validate(indexSpacing: Int) throws(WalError) {
        guard isOn else { return }
        func check(_ holds: Bool, _ what: String, _ value: Int, _ legal: String) throws(WalError) {
            guard !holds else { return }
            throw WalError(
                .invalidOption, "the option compression can't have a \(what) of \(value); it must be \(legal)")
        }
        guard Zstd.isAvailable else {
            throw WalError(
                .invalidOption,
                "the option compression can't be zstd: this software was built without it (the package trait Zstd)")
        }
        try check(
            Zstd.levels.contains(level), "level", level, "from \(Zstd.levels.lowerBound) to \(Zstd.levels.upperBound)")
        try check(
            blockSize >= max(indexSpacing, 4096) && blockSize <= 64 << 20, "blockSize", blockSize,
            "from 4 KiB to 64 MiB, and at least the indexSpacing (\(indexSpacing))")
        try check(
            dictionarySize == 0 || (1024...1 << 20).contains(dictionarySize), "dictionarySize", dictionarySize,
            "0 or from 1 KiB to 1 MiB")
        if case .allButNewest(let count) = segments {
            try check(count >= 0, "number of newest segments", count, "at least 0")
        }
    }
}

/// What a call to compress segments did.
public struct CompressionReport: Sendable, Hashable {
    /// Segments that are compressed now and were not when the call began.
    public var compressedCount = 0
    /// Their size before, in bytes.
    public var rawBytes: UInt64 = 0
    /// Their size now, in bytes.
    public var fileBytes: UInt64 = 0
    /// Segments left as they are because compressing them gains too little.
    public var incompressibleCount = 0

    /// Nothing done.
    public init() {}
}
