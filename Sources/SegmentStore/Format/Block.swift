import WalPlatform

/// A fixed-size block being encoded or decoded: little-endian fields at byte offsets.
package struct Block: Sendable, Hashable {
    package private(set) var bytes: [UInt8]

    package init(size: Int) {
        bytes = [UInt8](repeating: 0, count: size)
    }

    package init(_ buffer: UnsafeRawBufferPointer) {
        bytes = [UInt8](buffer)
    }

    package mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self) }
    }

    package mutating func store(_ value: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + value.count, with: value)
    }

    package func load<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Value.Type = Value.self)
        -> Value
    {
        bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }

    package func load(_ offset: Int, count: Int) -> [UInt8] {
        Array(bytes[offset..<offset + count])
    }

    package mutating func withUnsafeMutableBytes(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        bytes.withUnsafeMutableBytes { body($0) }
    }

    package var isZero: Bool { bytes.allSatisfy { $0 == 0 } }

    /// The checksum of the block with the four bytes at `field` taken as zero.
    package func checksum(field: Int, seed: UInt32 = 0) -> UInt32 {
        var copy = self
        copy.store(UInt32(0), at: field)
        return copy.bytes.withUnsafeBytes { CRC32C.checksum($0, seed: seed) }
    }

    /// Puts the checksum into its field and returns it.
    @discardableResult
    package mutating func seal(field: Int, seed: UInt32 = 0) -> UInt32 {
        let value = checksum(field: field, seed: seed)
        store(value, at: field)
        return value
    }

    package func isIntact(field: Int, seed: UInt32 = 0) -> Bool {
        load(field, as: UInt32.self) == checksum(field: field, seed: seed)
    }
}

/// 128 random bits that tell logs apart.
package struct LogIdentity: Sendable, Hashable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package var description: String {
        let digits = [high, low].map { value in
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return digits.joined()
    }
}

/// The three sets of feature bits of a file.
package struct FeatureBits: Sendable, Hashable {
    /// May be ignored by software that doesn't know them.
    package var ignorable: UInt64 = 0
    /// Without knowing them a file may be read but not written.
    package var readOnly: UInt64 = 0
    /// Without knowing them a file must not be opened.
    package var required: UInt64 = 0

    package init() {}

    package init(_ block: Block, at offset: Int) {
        ignorable = block.load(offset)
        readOnly = block.load(offset + 8)
        required = block.load(offset + 16)
    }

    package func store(into block: inout Block, at offset: Int) {
        block.store(ignorable, at: offset)
        block.store(readOnly, at: offset + 8)
        block.store(required, at: offset + 16)
    }

    /// The bits this software knows. None is assigned in version 1.
    package static let known = FeatureBits()
}
