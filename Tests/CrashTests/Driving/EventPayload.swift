import WalSimulation

/// The one payload an event of a life can have: who wrote it, its LSN, and a body that follows from the two.
struct EventPayload {
    private var generator: SeededGenerator
    private let life: UInt64
    private let lsn: UInt64
    let size: Int

    init(life: UInt64, lsn: UInt64, sizes: Workload.Sizes) {
        self.life = life
        self.lsn = lsn
        generator = SeededGenerator(seed: lsn &* 0x9E37_79B9 &+ life << 32)
        let random = Int(generator.next() >> 33)
        switch sizes {
        // A frame of 384 bytes: three of four lie across sectors and can tear, and after each four a frame begins with a
        // sector, so that a stale one can follow a new one.
        case .fixed: size = 316
        // Mostly small, some over several sectors, a few over several pages.
        case .varying: size = 16 + (random % 11 == 0 ? random % 5000 : random % 700)
        }
    }

    var bytes: [UInt8] {
        var copy = self
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            for offset in stride(from: 0, to: size, by: 8) {
                withUnsafeBytes(of: copy.word(at: offset)) { word in
                    for byte in 0..<min(8, size - offset) { buffer[offset + byte] = word[byte] }
                }
            }
            count = size
        }
    }

    /// Whether these bytes are the payload, every one of them.
    func matches(_ buffer: UnsafeRawBufferPointer) -> Bool {
        guard buffer.count == size else { return false }
        var copy = self
        var offset = 0
        while offset + 8 <= size {
            guard buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == copy.word(at: offset) else {
                return false
            }
            offset += 8
        }
        guard offset < size else { return true }
        return withUnsafeBytes(of: copy.word(at: offset)) { word in
            (offset..<size).allSatisfy { buffer[$0] == word[$0 - offset] }
        }
    }

    /// The life a payload names; nil if it is too short.
    static func life(of buffer: UnsafeRawBufferPointer) -> UInt64? {
        buffer.count >= 16 ? buffer.loadUnaligned(as: UInt64.self) : nil
    }

    private mutating func word(at offset: Int) -> UInt64 {
        switch offset {
        case 0: life
        case 8: lsn
        default: generator.next()
        }
    }
}
