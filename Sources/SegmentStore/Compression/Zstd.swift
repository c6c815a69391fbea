import WalPlatform

#if Zstd
internal import CZstd
#endif

/// The few calls of libzstd that the store needs. The one place that knows whether this build has it.
enum Zstd {
    /// No block of a zstd frame holds more than this many bytes, and none takes less than four: a bound for what a frame of a
    /// given size can unpack to.
    private static let blockMax = 128 << 10
    private static let blockOverhead = 4

    /// The most bytes that a frame of `count` bytes can hold.
    static func contentBound(_ count: UInt64) -> UInt64 {
        (count / UInt64(blockOverhead) + 1).multipliedClamped(by: UInt64(blockMax))
    }
}

#if Zstd

extension Zstd {
    static let isAvailable = true

    static var levels: ClosedRange<Int> { Int(ZSTD_minCLevel())...Int(ZSTD_maxCLevel()) }

    /// The room that packing `count` bytes may need.
    static func compressBound(_ count: Int) -> Int { ZSTD_compressBound(count) }

    /// A dictionary made of samples that lie in a row; nil if they don't give one.
    static func train(_ samples: [UInt8], sizes: [Int], capacity: Int) -> [UInt8]? {
        var dictionary = [UInt8](repeating: 0, count: capacity)
        let count = ZDICT_trainFromBuffer(&dictionary, capacity, samples, sizes, UInt32(clamping: sizes.count))
        guard ZDICT_isError(count) == 0, count > 0 else { return nil }
        return Array(dictionary[..<count])
    }
}

/// Packs blocks, each into a zstd frame of its own with content size and checksum. Used by one thread at a time.
final class ZstdCompressor {
    private let context: OpaquePointer

    /// Nil if there is no memory for it.
    init?(level: Int, dictionary: [UInt8]) {
        guard let context = ZSTD_createCCtx() else { return nil }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(clamping: level))
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        if !dictionary.isEmpty, ZSTD_isError(ZSTD_CCtx_loadDictionary(context, dictionary, dictionary.count)) != 0 {
            return nil
        }
    }

    deinit {
        ZSTD_freeCCtx(context)
    }

    /// Returns the size of the frame, or nil if it could not be made.
    func compress(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        let count = ZSTD_compress2(context, target.baseAddress, target.count, bytes.baseAddress, bytes.count)
        return ZSTD_isError(count) == 0 ? count : nil
    }
}

/// A dictionary made ready for unpacking.
final class ZstdDictionary: @unchecked Sendable {
    // Sendable: libzstd only reads it after it was made, and allows any number of threads to use one.
    fileprivate let dictionary: OpaquePointer

    init?(_ bytes: [UInt8]) {
        guard let dictionary = ZSTD_createDDict(bytes, bytes.count) else { return nil }
        self.dictionary = dictionary
    }

    deinit {
        ZSTD_freeDDict(dictionary)
    }
}

/// Unpacks zstd frames. Used by one thread at a time.
final class ZstdDecompressor {
    private let context: OpaquePointer?

    init() {
        context = ZSTD_createDCtx()
    }

    deinit {
        ZSTD_freeDCtx(context)
    }

    /// Whether the frame unpacked to just as many bytes as `target` has room for, with its checksum right.
    func decompress(
        _ frame: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ dictionary: ZstdDictionary?
    ) -> Bool {
        guard let context else { return false }
        let count =
            if let dictionary {
                ZSTD_decompress_usingDDict(
                    context, target.baseAddress, target.count, frame.baseAddress, frame.count, dictionary.dictionary)
            } else {
                ZSTD_decompressDCtx(context, target.baseAddress, target.count, frame.baseAddress, frame.count)
            }
        return ZSTD_isError(count) == 0 && count == target.count
    }
}

#else

extension Zstd {
    static let isAvailable = false
    static var levels: ClosedRange<Int> { 0...0 }
    static func compressBound(_ count: Int) -> Int { count }
    static func train(_ samples: [UInt8], sizes: [Int], capacity: Int) -> [UInt8]? { nil }
}

/// Stands in where the build has no libzstd.
final class ZstdCompressor {
    init?(level: Int, dictionary: [UInt8]) { return nil }
    func compress(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? { nil }
}

/// Stands in where the build has no libzstd.
final class ZstdDictionary: Sendable {
    init?(_ bytes: [UInt8]) { return nil }
}

/// Stands in where the build has no libzstd.
final class ZstdDecompressor {
    init() {}

    func decompress(
        _ frame: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ dictionary: ZstdDictionary?
    ) -> Bool { false }
}

#endif
