import SegmentStore
import Testing
import WalSimulation

@Suite struct RecordTests {
    private struct Parts: Equatable {
        var payload: [UInt8]
        var meta: [UInt8]?
        var key: [UInt8]?
        var time: Int64?
    }

    private func encode(_ parts: Parts) -> [UInt8] {
        let size = Record.size(
            payload: parts.payload.count, meta: parts.meta?.count, key: parts.key?.count, timestamp: parts.time != nil)
        var bytes = [UInt8](repeating: 0xEE, count: size)
        bytes.withUnsafeMutableBytes { target in
            guard let base = target.baseAddress else { return }
            withBuffers(parts.payload.span.bytes, parts.meta?.span.bytes, parts.key?.span.bytes) { payload, meta, key in
                Record.encode(
                    payload: payload, meta: meta, key: key,
                    time: parts.time.map { EventTime(nanosecondsSince1970: $0) }, at: base)
            }
        }
        return bytes
    }

    /// Decodes one record from memory that ends exactly where the bytes do.
    private func decode(_ bytes: [UInt8], frameTime: Int64 = 42) -> (parts: Parts, length: Int)? {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var run = RecordRun(position: base, end: base + buffer.count, count: 1, firstLSN: 9, time: frameTime)
            guard let view = run.next() else { return nil }
            #expect(view.lsn == 9)
            for part in [view.payload, view.meta, view.key] {
                guard let part, let start = part.baseAddress, !part.isEmpty else { continue }
                #expect(start >= base && start + part.count <= base + buffer.count)
            }
            let fixed = view.payload.baseAddress.map { UnsafeRawPointer($0) - base } ?? 0
            let length = fixed + view.payload.count + (view.meta?.count ?? 0) + (view.key?.count ?? 0)
            return (
                Parts(
                    payload: Array(view.payload), meta: view.meta.map { Array($0) }, key: view.key.map { Array($0) },
                    time: view.time == frameTime ? nil : view.time), length
            )
        }
    }

    @Test func everyCombinationOfPartsComesBack() {
        let texts: [[UInt8]] = [[], [1], Array(repeating: 7, count: 300)]
        for payload in texts {
            for meta in texts.map(Optional.some) + [nil] {
                for key in texts.map(Optional.some) + [nil] {
                    for time in [nil, Int64.min, -1, 0, Int64.max] {
                        let parts = Parts(payload: payload, meta: meta, key: key, time: time)
                        let bytes = encode(parts)
                        let found = decode(bytes)
                        #expect(found?.parts == parts)
                        #expect(found?.length == bytes.count)
                    }
                }
            }
        }
    }

    @Test(arguments: [0, 1, 0xFFFF, 0x10000, 0xFFFFFE, 0xFFFFFF, 0x1000000])
    func payloadLengthsAtTheLimitOfTheHeadComeBack(length: Int) {
        let payload = [UInt8](repeating: 0x5C, count: length)
        let plain = encode(Parts(payload: payload))
        #expect(plain.count == length + (length < 0xFFFFFF ? 4 : 8))
        #expect(decode(plain)?.parts.payload == payload)
        let full = Parts(payload: payload, meta: [1, 2], key: [3], time: 5)
        #expect(decode(encode(full))?.parts == full)
    }

    @Test func metaAndKeyAtTheirLimitsAreStoredWholeOrRefused() throws {
        let limit = 1 << 20
        for length in [65_535, 65_536, limit] {
            var batch = EventBatch()
            try batch.append([1], meta: [UInt8](repeating: 2, count: length))
            let parts = Parts(payload: [1], meta: [UInt8](repeating: 2, count: length))
            #expect(Array(batch.records) == encode(parts))
            #expect(decode(encode(parts))?.parts == parts)
        }
        var batch = EventBatch()
        try batch.append([1], key: [UInt8](repeating: 3, count: 65_535))
        let before = batch.byteCount
        #expect(throws: WalError.self) { try batch.append([1], meta: [UInt8](repeating: 2, count: limit + 1)) }
        #expect(throws: WalError.self) { try batch.append([1], key: [UInt8](repeating: 3, count: 65_536)) }
        #expect(batch.byteCount == before)
        #expect(batch.count == 1)
    }

    @Test func aRecordCutAtAnyLengthIsRefused() {
        let bytes = encode(Parts(payload: [1, 2, 3], meta: [4, 5], key: [6], time: 77))
        for length in 0..<bytes.count { #expect(decode(Array(bytes[..<length])) == nil, "length \(length)") }
        let plain = encode(Parts(payload: [1, 2, 3]))
        for length in 0..<plain.count { #expect(decode(Array(plain[..<length])) == nil, "length \(length)") }
    }

    @Test func reservedFlagsKindsAndOverlongFormsAreRefused() {
        for head in UInt8(8)...255 { #expect(decode([head, 0, 0, 0] + [UInt8](repeating: 0, count: 64)) == nil) }
        // The long form is for lengths that the head can't hold.
        #expect(decode([0, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 9]) == nil)
    }

    @Test func arbitraryBytesNeverReadOutOfBounds() {
        // `decode` checks that every part lies inside; the memory is exactly as long as the bytes, for the sanitizer.
        var generator = SeededGenerator(seed: testSeed)
        let valid = encode(Parts(payload: [1, 2, 3, 4], meta: [5, 6], key: [7], time: 8))
        for round in 0..<200_000 {
            var bytes = valid
            if round % 2 == 0 {
                bytes = (0..<Int(generator.next() % 40)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                if !bytes.isEmpty { bytes[0] &= 0x07 }
            } else {
                for _ in 0...generator.next() % 3 {
                    bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
                }
            }
            if let found = decode(bytes) { #expect(found.length <= bytes.count, "WAL_SEED=\(testSeed)") }
        }
    }
}
