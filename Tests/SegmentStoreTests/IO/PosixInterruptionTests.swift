import SegmentStore
import Synchronization
import Testing
import WalPlatform

/// Lets the first calls of each kind be interrupted and then passes on.
private final class Interrupter: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Whether this call is to be interrupted: two times of three.
    func interrupts(_ name: String) -> Bool {
        counts.withLock { counts in
            counts[name, default: 0] += 1
            return counts[name, default: 0] % 3 != 0
        }
    }

    var names: Set<String> { counts.withLock { Set($0.keys) } }
}

@Suite("POSIX storage: interruptions and short counts")
struct PosixInterruptionTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("every call goes on after signals interrupt it")
    func interruptions() throws {
        let interrupter = Interrupter()
        let storage = PosixStorage(calls: interrupted(by: interrupter))
        let path = directory.file("a")
        let file = try storage.create(path)
        try file.allocate(100)
        try file.write(at: 0, [1, 2, 3])
        try file.sync()
        #expect(try file.read(at: 0, count: 3) == [1, 2, 3])
        try file.truncate(3)
        #expect(try file.size() == 3)
        #expect(try file.nextData(at: 0)?.lowerBound == 0)
        #expect(Array(try file.map(length: 3)) == [1, 2, 3])
        try storage.rename(path, to: directory.file("b"))
        try storage.createDirectory(directory.file("d"))
        try storage.syncDirectory(directory.path)
        let lock = try storage.lock(directory.file("b"))
        #expect(try lock.isCurrent())
        #expect(try storage.isLocked(directory.file("b")))
        try lock.release()
        #expect(try storage.list(directory.path).sorted() == ["b", "d"])
        try storage.unlink(directory.file("b"))
        #expect(
            interrupter.names == [
                "open", "pread", "pwrite", "syncData", "syncAll", "truncate", "allocate", "status", "statusAtPath",
                "map", "flock", "rename", "unlink", "makeDirectory", "list", "nextData",
            ])
    }

    @Test("short writes are carried on at the right place", arguments: [1, 7, 4_096])
    func shortWrites(atMost limit: Int) throws {
        var calls = PosixCalls.live
        calls.pwrite = { number, bytes, offset in
            PosixCalls.live.pwrite(number, UnsafeRawBufferPointer(rebasing: bytes.prefix(limit)), offset)
        }
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        try file.write(at: 3, bytes)
        #expect(try file.read(at: 0, count: 20_000) == [0, 0, 0] + bytes)
    }

    @Test("short reads are carried on until the buffer is full or the file ends", arguments: [1, 7, 4_096])
    func shortReads(atMost limit: Int) throws {
        var calls = PosixCalls.live
        calls.pread = { number, buffer, offset in
            PosixCalls.live.pread(number, UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(limit)), offset)
        }
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        try file.write(at: 0, bytes)
        #expect(try file.read(at: 0, count: 20_000) == bytes)
        #expect(try file.read(at: 5, count: 100) == Array(bytes[5..<105]))
    }

    @Test("a disk that fills up in the middle of a write is reported")
    func fullInTheMiddle() throws {
        var calls = PosixCalls.live
        calls.pwrite = { number, bytes, offset in
            if offset >= 10 { return -Int(ErrorNumber.noSpace) }
            return PosixCalls.live.pwrite(number, UnsafeRawBufferPointer(rebasing: bytes.prefix(10)), offset)
        }
        let path = directory.file("a")
        let file = try PosixStorage(calls: calls).create(path)
        #expect(
            failure { try file.write(at: 0, [UInt8](repeating: 1, count: 100)) }
                == StorageError(.write, path, errno: ErrorNumber.noSpace))
        #expect(try file.size() == 10)
    }

    @Test("a write that takes nothing and says nothing is an error, not an endless loop")
    func writeOfNothing() throws {
        var calls = PosixCalls.live
        calls.pwrite = { _, _, _ in 0 }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        #expect(failure { try file.write(at: 0, [1]) }?.errno == ErrorNumber.io)
    }

    @Test("a failed sync is not tried again")
    func failedSync() throws {
        let attempts = SharedCounter()
        var calls = PosixCalls.live
        calls.syncData = { _ in
            attempts.increment()
            return -ErrorNumber.io
        }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        #expect(failure { try file.sync() } == StorageError(.sync, directory.file("a"), errno: ErrorNumber.io))
        #expect(attempts.value == 1)
    }

    private func interrupted(by interrupter: Interrupter) -> PosixCalls {
        let live = PosixCalls.live
        let failure = -ErrorNumber.interrupted
        var calls = live
        calls.open = { interrupter.interrupts("open") ? failure : live.open($0, $1, $2) }
        calls.pread = { interrupter.interrupts("pread") ? Int(failure) : live.pread($0, $1, $2) }
        calls.pwrite = { interrupter.interrupts("pwrite") ? Int(failure) : live.pwrite($0, $1, $2) }
        calls.syncData = { interrupter.interrupts("syncData") ? failure : live.syncData($0) }
        calls.syncAll = { interrupter.interrupts("syncAll") ? failure : live.syncAll($0) }
        calls.truncate = { interrupter.interrupts("truncate") ? failure : live.truncate($0, $1) }
        calls.allocate = { interrupter.interrupts("allocate") ? failure : live.allocate($0, $1, $2) }
        calls.status = { interrupter.interrupts("status") ? failure : live.status($0, &$1) }
        calls.statusAtPath = { interrupter.interrupts("statusAtPath") ? failure : live.statusAtPath($0, &$1) }
        calls.map = { interrupter.interrupts("map") ? failure : live.map($0, $1, &$2) }
        calls.flock = { interrupter.interrupts("flock") ? failure : live.flock($0, $1) }
        calls.rename = { interrupter.interrupts("rename") ? failure : live.rename($0, $1) }
        calls.unlink = { interrupter.interrupts("unlink") ? failure : live.unlink($0) }
        calls.makeDirectory = { interrupter.interrupts("makeDirectory") ? failure : live.makeDirectory($0, $1) }
        calls.nextData = { interrupter.interrupts("nextData") ? failure : live.nextData($0, $1, &$2) }
        calls.list = { number, names in
            // A listing may be interrupted after it has found some names.
            if interrupter.interrupts("list") {
                names.append("half")
                return failure
            }
            return live.list(number, &names)
        }
        return calls
    }
}
