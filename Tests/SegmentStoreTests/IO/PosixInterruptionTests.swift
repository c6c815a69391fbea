import Foundation
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
        let pinned = try PosixStorage(calls: interrupted(by: interrupter))
            .pinned(to: DirectoryPath(directory.file("log")), mode: nil, making: true)
        let storage = pinned.files
        func inLog(_ name: String) -> String { directory.file("log/" + name) }
        #expect(pinned.isMade)
        try pinned.directory.syncParent()
        let path = inLog("a")
        let file = try storage.create(path)
        try file.allocate(100)
        try file.write(at: 0, [1, 2, 3])
        try file.sync()
        #expect(try file.read(at: 0, count: 3) == [1, 2, 3])
        try file.truncate(3)
        #expect(try file.size() == 3)
        #expect(try file.nextData(at: 0)?.lowerBound == 0)
        #expect(Array(try file.map(length: 3)) == [1, 2, 3])
        try storage.rename(path, to: inLog("b"))
        try storage.createDirectory(inLog("d"))
        try storage.syncDirectory(directory.file("log"))
        let lock = try storage.lock(inLog("b"))
        #expect(try lock.isCurrent())
        #expect(try storage.isLocked(inLog("b")))
        try lock.release()
        #expect(try storage.list(directory.file("log")).sorted() == ["b", "d"])
        try storage.unlink(inLog("b"))
        #expect(try pinned.directory.whereabouts() == .inPlace)
        #expect(failure { try storage.open(inLog("d/none"), .readOnly) }?.isNotFound == true)
        try FileManager.default.removeItem(atPath: inLog("d"))
        try pinned.directory.remove()
        #expect(try pinned.directory.whereabouts() == .removed)
        #expect(
            interrupter.names == [
                "open", "openAt", "pread", "pwrite", "syncData", "syncAll", "truncate", "allocate", "status",
                "statusAt",
                "statusFollowingLinks", "map", "flock", "renameAt", "unlinkAt", "makeDirectory", "makeDirectoryAt",
                "removeDirectory", "list", "nextData",
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
        calls.openAt = { interrupter.interrupts("openAt") ? failure : live.openAt($0, $1, $2, $3) }
        calls.pread = { interrupter.interrupts("pread") ? Int(failure) : live.pread($0, $1, $2) }
        calls.pwrite = { interrupter.interrupts("pwrite") ? Int(failure) : live.pwrite($0, $1, $2) }
        calls.syncData = { interrupter.interrupts("syncData") ? failure : live.syncData($0) }
        calls.syncAll = { interrupter.interrupts("syncAll") ? failure : live.syncAll($0) }
        calls.truncate = { interrupter.interrupts("truncate") ? failure : live.truncate($0, $1) }
        calls.allocate = { interrupter.interrupts("allocate") ? failure : live.allocate($0, $1, $2) }
        calls.status = { interrupter.interrupts("status") ? failure : live.status($0, &$1) }
        calls.statusAt = { interrupter.interrupts("statusAt") ? failure : live.statusAt($0, $1, &$2) }
        calls.statusFollowingLinks = {
            interrupter.interrupts("statusFollowingLinks") ? failure : live.statusFollowingLinks($0, &$1)
        }
        calls.map = { interrupter.interrupts("map") ? failure : live.map($0, $1, &$2) }
        calls.flock = { interrupter.interrupts("flock") ? failure : live.flock($0, $1) }
        calls.renameAt = { interrupter.interrupts("renameAt") ? failure : live.renameAt($0, $1, $2, $3) }
        calls.unlinkAt = { interrupter.interrupts("unlinkAt") ? failure : live.unlinkAt($0, $1) }
        calls.makeDirectory = { interrupter.interrupts("makeDirectory") ? failure : live.makeDirectory($0, $1) }
        calls.makeDirectoryAt = {
            interrupter.interrupts("makeDirectoryAt") ? failure : live.makeDirectoryAt($0, $1, $2)
        }
        calls.removeDirectory = { interrupter.interrupts("removeDirectory") ? failure : live.removeDirectory($0) }
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
