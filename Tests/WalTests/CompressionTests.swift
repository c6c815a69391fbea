import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

@Suite("Compressed segments")
struct CompressionTests {
    private static func payload(_ number: Int) -> [UInt8] {
        Array(#"{"type":"order.placed","number":\#(number),"customer":\#(number * 7919 % 5000),"currency":"EUR"}"#.utf8)
    }

    private func options(_ compression: Compression) -> WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.sync = .never
        options.segmentSize = 256 << 10
        options.indexSpacing = 16 << 10
        options.compression = compression
        return options
    }

    private func fill(_ log: WriteAheadLog, from first: Int, count: Int) throws {
        for number in first..<first + count { try log.append(Self.payload(number)) }
        try log.flush()
    }

    private func check(_ log: WriteAheadLog, count: Int) throws {
        var next = 1
        try log.replay { event in
            #expect(event.payloadBytes == Self.payload(next))
            next += 1
            return .continue
        }
        #expect(next == count + 1)
    }

    @Test("In the background, on real files, and under other settings at the next opening", .hangGuard)
    func background() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/log"
        let recorder = Recorder()
        var wanted = options(.zstd(level: -1, blockSize: 32 << 10))
        wanted.observer = recorder
        let log = try WriteAheadLog.open(at: path, options: wanted)
        try fill(log, from: 1, count: 20_000)
        try log.rotate()
        try log.sync()
        waitUntil { (try? log.segments())?.allSatisfy { $0.state == .active || $0.isCompressed } == true }
        let compressed = try log.segments().filter(\.isCompressed)
        #expect(compressed.count >= 4)
        #expect(compressed.allSatisfy { $0.fileSize * 2 < $0.rawBytes && $0.path.hasSuffix(".seg.zst") })
        try check(log, count: 20_000)
        for lsn in stride(from: 1, through: 20_000, by: 777) {
            var iterator = try log.iterator(from: LSN(UInt64(lsn)))
            #expect(try iterator.nextOwned()?.payload == Self.payload(lsn))
        }
        #expect(try log.verify().findings.isEmpty)
        try log.shutdown()
        // None, then another level on request.
        let plain = try WriteAheadLog.open(at: path, options: options(.none))
        try fill(plain, from: 20_001, count: 10_000)
        try plain.rotate()
        try plain.sync()
        waitUntil { (try? plain.segments())?.allSatisfy { $0.state != .rolled } == true }
        #expect(try plain.segments().contains { $0.state == .sealed && !$0.isCompressed })
        let calls = Shared(0)
        let report = try plain.compress(.zstd(level: 3, dictionarySize: 4096)) { done, total in
            #expect(done <= total)
            calls.update { $0 += 1 }
        }
        #expect(report.compressedCount >= 2 && report.fileBytes < report.rawBytes && calls.value > 1)
        #expect(try plain.compress() == CompressionReport())
        try check(plain, count: 30_000)
        let reader = try WriteAheadLog.open(
            at: path,
            options: {
                var options = options(.none)
                options.readOnly = true
                return options
            }())
        try check(reader, count: 30_000)
        #expect(code { try reader.compress() } == .readOnly)
        try reader.close()
        try plain.truncate(before: 25_000)
        try plain.shutdown()
        #expect(code { try plain.compress() } == .closed)
        #expect(FileManager.default.subpaths(atPath: path)?.contains { $0.hasSuffix(".tmp") } == false)
        let again = try WriteAheadLog.open(at: path, options: options(.none))
        #expect(try again.events().count == 5001)
        try again.shutdown()
    }

    @Test("Suspending, while others append, replay and truncate", .hangGuard)
    func besideOthers() async throws {
        let disk = SimulatedDisk()
        var settings = testOptions(disk.storage, sync: .never, segmentSize: 64 << 10)
        settings.indexSpacing = 4096
        settings.compression = .zstd(segments: .allButNewest(2), blockSize: 4096)
        let log = try await WriteAheadLog.open(at: "/log", options: settings)
        try fill(log, from: 1, count: 3000)
        let writer = try SystemThread(name: "writer") {
            for number in 3001...9000 { _ = try? log.append(Self.payload(number)) }
            try? log.flush()
        }
        let reader = try SystemThread(name: "reader") {
            for _ in 0..<5 {
                do {
                    try log.replay(from: log.firstLSN) { event in
                        #expect(event.payloadBytes == Self.payload(Int(event.lsn.rawValue)))
                        return .continue
                    }
                } catch {
                    // Truncated away between the two calls, or meanwhile.
                    #expect((error as? WalError)?.code == .truncated)
                }
            }
        }
        for lsn in stride(from: 200, through: 2000, by: 200) {
            try await log.compress(.zstd(level: -1, blockSize: 4096))
            try await log.truncate(before: LSN(UInt64(lsn)))
        }
        writer.join()
        reader.join()
        try await log.compress()
        #expect(try log.events().count == 7001)
        #expect(try await log.verify().findings.isEmpty)
        try await log.shutdown()
        #expect(disk.openHandles == 0)
    }

    @Test("Impossible settings are refused at open and by the call")
    func refusals() throws {
        let disk = SimulatedDisk()
        var wrong = testOptions(disk.storage)
        wrong.compression = .zstd(level: 99)
        #expect(code { _ = try WriteAheadLog.open(at: "/log", options: wrong) } == .invalidOption)
        let log = try WriteAheadLog.open(at: "/log", options: testOptions(disk.storage))
        #expect(code { try log.compress(.zstd(blockSize: 5000)) } == .invalidOption)
        try log.shutdown()
    }
}
