import SegmentStore
import Testing
import WalPlatform

@Suite("POSIX storage: files")
struct PosixFileTests {
    let directory: TemporaryDirectory
    let storage = PosixStorage()

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("reads what was written, zeros in gaps, and less at the end")
    func readWrite() throws {
        let file = try storage.create(directory.file("a"))
        #expect(try file.size() == 0)
        try file.write(at: 5, [1, 2, 3])
        try file.write(at: 0, [])
        #expect(try file.size() == 8)
        #expect(try file.read(at: 3, count: 10) == [0, 0, 1, 2, 3])
        #expect(try file.read(at: 8, count: 10) == [])
        #expect(try file.read(at: 100, count: 10) == [])
        try file.sync()
        try file.close()
    }

    @Test("refuses to write through a read-only file")
    func readOnly() throws {
        try storage.create(directory.file("a")).close()
        let file = try storage.open(directory.file("a"), .readOnly)
        #expect(failure { try file.write(at: 0, [1]) }?.errno == ErrorNumber.badDescriptor)
        #expect(try file.size() == 0)
    }

    @Test("writes through a file opened for writing")
    func reopened() throws {
        try storage.create(directory.file("a")).close()
        try storage.open(directory.file("a"), .readWrite).write(at: 0, [7])
        #expect(try storage.open(directory.file("a"), .readOnly).read(at: 0, count: 2) == [7])
    }

    @Test("allocating extends with zeros and never shortens")
    func allocate() throws {
        let file = try storage.create(directory.file("a"))
        try file.write(at: 0, [1, 2])
        try file.allocate(10_000)
        #expect(try file.size() == 10_000)
        #expect(try file.read(at: 0, count: 3) == [1, 2, 0])
        try file.allocate(100)
        try file.allocate(0)
        #expect(try file.size() == 10_000)
    }

    @Test("allocating only extends where the file system can't reserve")
    func allocateUnsupported() throws {
        var calls = PosixCalls.live
        calls.allocate = { _, _, _ in -ErrorNumber.notSupported }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        try file.write(at: 0, [1, 2])
        try file.allocate(5_000)
        #expect(try file.size() == 5_000)
        try file.allocate(100)
        #expect(try file.size() == 5_000)
        #expect(try file.read(at: 0, count: 3) == [1, 2, 0])
    }

    @Test("reports a full disk on allocating and does not pretend by extending")
    func allocateFull() throws {
        var calls = PosixCalls.live
        calls.allocate = { _, _, _ in -ErrorNumber.noSpace }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        #expect(
            failure { try file.allocate(5_000) }
                == StorageError(.allocate, directory.file("a"), errno: ErrorNumber.noSpace))
        #expect(try file.size() == 0)
    }

    @Test("truncating shortens and extends with zeros")
    func truncate() throws {
        let file = try storage.create(directory.file("a"))
        try file.write(at: 0, [1, 2, 3])
        try file.truncate(2)
        try file.truncate(4)
        #expect(try file.read(at: 0, count: 9) == [1, 2, 0, 0])
    }

    @Test("refuses offsets and sizes beyond what a file can have")
    func hugeOffsets() throws {
        let file = try storage.create(directory.file("a"))
        for offset in [UInt64.max, UInt64(Int64.max)] {
            #expect(failure { try file.write(at: offset, [1]) }?.errno == ErrorNumber.fileTooLarge)
            #expect(failure { try file.read(at: offset, count: 1) }?.errno == ErrorNumber.fileTooLarge)
        }
        #expect(failure { try file.truncate(.max) }?.errno == ErrorNumber.fileTooLarge)
        #expect(failure { try file.allocate(.max) }?.errno == ErrorNumber.fileTooLarge)
        #expect(try file.size() == 0)
    }

    @Test("a map sees the bytes, later writes too, beyond unlink and close")
    func map() throws {
        let file = try storage.create(directory.file("a"))
        try file.write(at: 0, [UInt8](repeating: 9, count: 200_000))
        let mapping = try file.map(length: 200_000)
        #expect(mapping.bytes.count == 200_000)
        mapping.willNeed(70_000..<130_000)
        mapping.willNeed(-5..<Int.max)
        mapping.willNeed(0..<0)
        try file.write(at: 199_999, [8])
        try storage.unlink(directory.file("a"))
        try file.close()
        #expect(Array(mapping) == [UInt8](repeating: 9, count: 199_999) + [8])
    }

    @Test("a map of nothing is empty")
    func mapNothing() throws {
        let mapping = try storage.create(directory.file("a")).map(length: 0)
        #expect(Array(mapping).isEmpty)
        mapping.willNeed(0..<10)
    }

    @Test("refuses to map more than the file has, which would kill the process when touched")
    func mapTooMuch() throws {
        let file = try storage.create(directory.file("a"))
        try file.write(at: 0, [1])
        #expect(
            failure { try file.map(length: 2) }
                == StorageError(.map, directory.file("a"), errno: ErrorNumber.invalidArgument))
        #expect(failure { try file.map(length: -1) }?.errno == ErrorNumber.invalidArgument)
    }

    @Test("closing twice is fine, and every call after it is refused")
    func closed() throws {
        let file = try storage.create(directory.file("a"))
        try file.close()
        try file.close()
        let operations: [(StorageError.Operation, () throws -> Void)] = [
            (.size, { _ = try file.size() }), (.read, { _ = try file.read(at: 0, count: 1) }),
            (.write, { try file.write(at: 0, [1]) }), (.allocate, { try file.allocate(1) }),
            (.truncate, { try file.truncate(0) }), (.sync, { try file.sync() }),
            (.map, { _ = try file.map(length: 0) }),
        ]
        for (operation, call) in operations {
            #expect(
                failure(call) == StorageError(operation, directory.file("a"), errno: ErrorNumber.badDescriptor))
        }
    }

    @Test("opening a pipe does not wait for its other end, and is refused")
    func pipe() throws {
        let path = directory.file("pipe")
        try makePipe(path)
        #expect(failure { try storage.open(path, .readOnly) }?.problem == .noFile)
    }
}
