import SegmentStore
import Testing
import WalSimulation

extension StorageFile {
    func write(_ bytes: [UInt8], at offset: Int = 0) throws {
        try bytes.withUnsafeBytes { try write(at: UInt64(offset), $0) }
    }

    func read(_ count: Int, at offset: Int = 0) throws -> [UInt8] {
        var result = [UInt8](repeating: 0xEE, count: count)
        let done = try result.withUnsafeMutableBytes { try read(at: UInt64(offset), into: $0) }
        return Array(result.prefix(done))
    }
}

func filled(_ byte: UInt8, _ count: Int) -> [UInt8] {
    [UInt8](repeating: byte, count: count)
}

/// Fails unless `body` throws a `StorageError` with this error number.
func expectErrno(
    _ errno: CInt, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as StorageError {
        #expect(error.errno == errno, sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

/// All disks a crash of this one now can leave.
func crashStates(of disk: SimulatedDisk, cap: Int = 4096) throws -> [SimulatedDisk] {
    disk.startRecording()
    let trace = try #require(disk.stopRecording())
    var states: [SimulatedDisk] = []
    let report = try CrashExplorer(trace, options: .init(statesPerPoint: cap)).explore { states.append($0.disk) }
    #expect(report.exhaustivePoints == 1)
    return states
}

/// A file whose name, size and bytes are all durable.
func durableFile(_ path: String, _ bytes: [UInt8], on disk: SimulatedDisk) throws -> any StorageFile {
    disk.replaceContents(of: path, with: bytes)
    return try disk.backend.open(path, .readWrite)
}
