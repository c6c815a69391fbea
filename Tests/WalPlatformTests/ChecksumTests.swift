import Testing
import WalPlatform

@Suite("CRC-32C")
struct ChecksumTests {
    @Test(
        "agrees with the published vectors",
        arguments: [
            ([], 0x0000_0000),
            (Array("123456789".utf8), 0xe306_9283),
            ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
            ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
            (Array(0..<32), 0x46dd_794e),
            (Array((0..<32).reversed()), 0x113f_db5c),
        ] as [([UInt8], UInt32)])
    func publishedVectors(bytes: [UInt8], expected: UInt32) {
        bytes.withUnsafeBytes { #expect(CRC32C.checksum($0) == expected) }
        for method in CRC32C.Method.allCases {
            bytes.withUnsafeBytes { #expect(CRC32C.checksum($0, by: method) == expected) }
        }
    }

    @Test("gives the same by every method, at every length up to 600 and every alignment")
    func methodsAgree() {
        let bytes = randomBytes(616)
        bytes.withUnsafeBytes { bytes in
            for start in 0..<16 {
                for count in 0...600 {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
                    expectAgreement(part, seed: UInt32(count) &* 0x9e37_79b9)
                }
            }
        }
    }

    @Test("gives the same by every method around the sizes where they change their step")
    func methodsAgreeOnLongInputs() {
        let bytes = randomBytes(70_000)
        bytes.withUnsafeBytes { bytes in
            for step in [384, 1024, 6144, 12288, 65536] {
                for count in (step - 65)...(step + 65) {
                    expectAgreement(UnsafeRawBufferPointer(rebasing: bytes[3..<3 + count]), seed: 1)
                }
            }
        }
    }

    @Test("of two parts chained is that of the whole, wherever it is cut")
    func chaining() {
        let bytes = randomBytes(1_000)
        bytes.withUnsafeBytes { bytes in
            let whole = CRC32C.checksum(bytes)
            for cut in 0...bytes.count {
                let first = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<cut]))
                #expect(CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[cut...]), seed: first) == whole)
            }
        }
    }

    private func expectAgreement(_ bytes: UnsafeRawBufferPointer, seed: UInt32) {
        let expected = referenceChecksum(bytes, seed: seed)
        // One comparison instead of one expectation per case: there are tens of thousands.
        let agree =
            CRC32C.checksum(bytes, seed: seed) == expected
            && CRC32C.Method.allCases.allSatisfy { CRC32C.checksum(bytes, seed: seed, by: $0) == expected }
        if !agree {
            Issue.record("\(bytes.count) bytes, seed \(seed): a method disagrees with the definition")
        }
    }

    /// The definition, bit by bit.
    private func referenceChecksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32) -> UInt32 {
        var raw = ~seed
        for byte in bytes {
            raw ^= UInt32(byte)
            for _ in 0..<8 {
                raw = raw & 1 == 0 ? raw >> 1 : raw >> 1 ^ 0x82f6_3b78
            }
        }
        return ~raw
    }

    /// The same bytes on every run, without a pattern that a wrong step could hide in.
    private func randomBytes(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x2545_f491_4f6c_dd1d
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
    }
}
