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

    /// The same, a piece at a time, for blocks so large that there is to be no room for all of the result: `take` gets each piece
    /// as soon as `buffer` is full, and the last one. Returns the size of the frame, or nil if it could not be made.
    func compress<Failure: Error>(
        _ bytes: UnsafeRawBufferPointer, through buffer: UnsafeMutableRawBufferPointer,
        _ take: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Int? {
        guard ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_only)) == 0,
            ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count))) == 0
        else { return nil }
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        var size = 0
        while true {
            var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
            let left = ZSTD_compressStream2(context, &output, &input, ZSTD_e_end)
            guard ZSTD_isError(left) == 0 else { return nil }
            try take(UnsafeRawBufferPointer(rebasing: buffer[..<output.pos]))
            size += output.pos
            if left == 0 { return size }
        }
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

    /// Begins to unpack a frame that comes in pieces; nil if there is no memory for it.
    func begin(into target: UnsafeMutableRawBufferPointer, _ dictionary: ZstdDictionary?) -> ZstdStream? {
        guard let context, ZSTD_isError(ZSTD_DCtx_reset(context, ZSTD_reset_session_only)) == 0,
            ZSTD_isError(ZSTD_DCtx_refDDict(context, dictionary?.dictionary)) == 0
        else { return nil }
        return ZstdStream(context, target)
    }
}

/// A frame being unpacked. Valid as long as its decompressor, which does nothing else meanwhile.
struct ZstdStream: ~Copyable {
    private let context: OpaquePointer
    private var output: ZSTD_outBuffer
    private var isAtEnd = false

    fileprivate init(_ context: OpaquePointer, _ target: UnsafeMutableRawBufferPointer) {
        self.context = context
        output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
    }

    // Else the context would go on referring to the dictionary.
    deinit { ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters) }

    /// Whether all of the frame came, and it unpacked to just as many bytes as there was room for, with its checksum right.
    var isComplete: Bool { isAtEnd && output.pos == output.size }

    /// Unpacks the next piece; false if it is damaged.
    mutating func take(_ piece: UnsafeRawBufferPointer) -> Bool {
        var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
        while input.pos < input.size {
            // Something comes behind the end.
            if isAtEnd { return false }
            let before = (input.pos, output.pos)
            let left = ZSTD_decompressStream(context, &output, &input)
            guard ZSTD_isError(left) == 0 else { return false }
            isAtEnd = left == 0
            // It would hold more than there is room for.
            if (input.pos, output.pos) == before { return false }
        }
        return true
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
    func compress<Failure: Error>(
        _ bytes: UnsafeRawBufferPointer, through buffer: UnsafeMutableRawBufferPointer,
        _ take: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Int? { nil }
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

    func begin(into target: UnsafeMutableRawBufferPointer, _ dictionary: ZstdDictionary?) -> ZstdStream? { nil }
}

/// Stands in where the build has no libzstd.
struct ZstdStream: ~Copyable {
    var isComplete: Bool { false }
    mutating func take(_ piece: UnsafeRawBufferPointer) -> Bool { false }
}

#endif
