import Foundation
import SegmentStore
import Testing
import WalSimulation

/// A log of several sealed segments on a simulated disk, raw and compressed.
struct CompressedSample {
    /// Before anything was compressed.
    let raw: SimulatedDisk
    /// All sealed segments compressed, several blocks each.
    let disk: SimulatedDisk
    let events: [UInt64: [UInt8]]
    /// Of the sealed segments, oldest first.
    let bases: [UInt64]

    static func path(base: UInt64) -> String { StoreSample.path(FileNames.compressedSegment(base: base)) }

    /// Small blocks, so that a small segment has several.
    static func settings(dictionary: Int = 0) -> Compression {
        .zstd(level: 1, blockSize: 4096, dictionarySize: dictionary)
    }

    init(segments: Int = 3, eventsEach: Int = 32, size: Int = 250, dictionary: Int = 0) throws {
        raw = SimulatedDisk()
        let log = try StoreHarness(raw)
        var events: [UInt64: [UInt8]] = [:]
        var bases: [UInt64] = []
        for _ in 0..<segments {
            bases.append(log.store.writtenLSN + 1)
            for _ in 0..<eventsEach {
                let lsn = log.store.writtenLSN + 1
                events[lsn] = StoreSample.event(lsn, size: size)
                try log.append([events[lsn] ?? []])
            }
            _ = try log.store.rotate()
            try log.maintain()
        }
        let last = StoreSample.event(log.store.writtenLSN + 1, size: 3)
        events[log.store.writtenLSN + 1] = last
        try log.append([last])
        try log.store.closeCleanly()
        self.events = events
        self.bases = bases
        disk = SimulatedDisk(startingFrom: raw)
        let again = try StoreSample.open(disk)
        try again.compress(Self.settings(dictionary: dictionary))
        try again.store.closeCleanly()
    }

    /// A copy of the compressed log with damage done to it.
    func damaged(_ damage: (SimulatedDisk) throws -> Void) rethrows -> SimulatedDisk {
        let copy = SimulatedDisk(startingFrom: disk)
        try damage(copy)
        return copy
    }

    func table(base: UInt64) throws -> SeekTable {
        let file = try disk.backend.openSegment(Self.path(base: base))
        defer { try? file.close() }
        return try #require(file as? CompressedSegmentFile).table
    }
}

extension StoreHarness {
    /// Compresses all that is sealed.
    @discardableResult
    func compress(_ settings: Compression) throws -> CompressionReport {
        var pass = try store.beginCompression(settings)
        while try store.continueCompression(&pass) {}
        return try store.endCompression(pass)
    }
}

/// The `zstd` program, where there is one.
enum ZstdProgram {
    static func run(_ arguments: [String]) throws -> (status: Int32, output: Data)? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["zstd"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 127 ? nil : (process.terminationStatus, data)
    }
}
