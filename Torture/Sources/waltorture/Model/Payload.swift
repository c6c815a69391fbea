/// The one payload an event can have that a generation of writers gave an LSN, as part of a batch.
///
/// It tells generation, LSN and place in the batch, and the rest follows from them.
struct Payload {
    enum Sizes: UInt64 {
        /// All alike, so that stale frames of an earlier life line up with new ones.
        case fixed
        case varying
        /// Some pages each, to fill a disk with.
        case large
    }

    private static let headerSize = 24

    let generation: UInt64
    let lsn: UInt64
    let place: Place
    private let size: Int
    private let seed: UInt64

    /// Which event of how many a batch is.
    struct Place: Equatable {
        var index: UInt32 = 0
        var count: UInt32 = 1

        var word: UInt64 { UInt64(index) | UInt64(count) << 32 }
    }

    init(generation: UInt64, lsn: UInt64, place: Place, sizes: Sizes) {
        self.generation = generation
        self.lsn = lsn
        self.place = place
        var generator = SplitMix(generation, lsn, place.word)
        seed = generator.next()
        switch sizes {
        case .fixed: size = 316
        case .varying:
            size = Self.headerSize + Int(generator.chance(8) ? generator.pick(0...5000) : generator.pick(0...600))
        case .large: size = Int(generator.pick(2000...9000))
        }
    }

    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            eachWord { offset, word in
                withUnsafeBytes(of: word) { bytes in
                    for at in 0..<min(8, size - offset) { buffer[offset + at] = bytes[at] }
                }
                return true
            }
            count = size
        }
    }

    /// Some events have a second part.
    var meta: [UInt8]? { lsn % 5 == 0 ? [UInt8(truncatingIfNeeded: seed), UInt8(truncatingIfNeeded: lsn)] : nil }

    /// Whether these bytes are the payload, every one of them.
    func matches(_ buffer: UnsafeRawBufferPointer) -> Bool {
        guard buffer.count == size else { return false }
        return eachWord { offset, word in
            withUnsafeBytes(of: word) { bytes in
                (0..<min(8, size - offset)).allSatisfy { buffer[offset + $0] == bytes[$0] }
            }
        }
    }

    /// What a payload says of itself.
    static func header(of buffer: UnsafeRawBufferPointer) -> (generation: UInt64, lsn: UInt64, place: Place)? {
        guard buffer.count >= headerSize else { return nil }
        let place = buffer.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        return (
            buffer.loadUnaligned(as: UInt64.self), buffer.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            Place(index: UInt32(truncatingIfNeeded: place), count: UInt32(truncatingIfNeeded: place >> 32))
        )
    }

    /// Repeats itself enough for compression to be worth while.
    @discardableResult
    private func eachWord(_ body: (Int, UInt64) -> Bool) -> Bool {
        var generator = SplitMix(seed)
        let refrain = generator.next()
        for offset in stride(from: 0, to: size, by: 8) {
            let word =
                switch offset {
                case 0: generation
                case 8: lsn
                case 16: place.word
                default: offset % 32 == 0 ? generator.next() : refrain
                }
            if !body(offset, word) { return false }
        }
        return true
    }
}
