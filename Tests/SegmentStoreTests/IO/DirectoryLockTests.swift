import Foundation
import SegmentStore
import Testing
import WalPlatform

/// The lock on a log's directory, of which the file LOCK is the part that older versions look at.
@Suite("The lock of a pinned storage")
struct DirectoryLockTests {
    @Test("holds when its file is removed or replaced", arguments: MovableDisk.Kind.allCases)
    func fileRemoved(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let path = disk.path("log/LOCK")
        let first = try disk.pinned("log", making: true).files
        let lock = try first.lock(path)
        #expect(lock.coversDirectory)
        #expect(try lock.isCurrent())
        try disk.storage.unlink(path)
        let second = try disk.pinned("log").files
        #expect(failure { try second.lock(path) }?.errno == ErrorNumber.wouldBlock)
        // Whoever is refused leaves nothing behind.
        #expect(try disk.storage.list(disk.path("log")).isEmpty)
        #expect(try second.isLocked(path))
        #expect(try first.isLocked(path))
        try disk.storage.create(path).close()
        #expect(failure { try second.lock(path) }?.errno == ErrorNumber.wouldBlock)
        #expect(try second.isLocked(path))
        try lock.release()
        #expect(try !second.isLocked(path))
        try second.lock(path).release()
    }

    @Test("is asked for by readers without giving up one's own", arguments: MovableDisk.Kind.allCases)
    func probing(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let path = disk.path("log/LOCK")
        let storage = try disk.pinned("log", making: true).files
        #expect(try !storage.isLocked(path))
        #expect(try storage.list(disk.path("log")).isEmpty)
        let lock = try storage.lock(path)
        for _ in 0..<3 { #expect(try storage.isLocked(path)) }
        #expect(failure { try disk.pinned("log").files.lock(path) }?.errno == ErrorNumber.wouldBlock)
        try lock.release()
        try lock.release()
        #expect(try !storage.isLocked(path))
    }

    @Test("respects that of an older version, which takes the file alone", arguments: MovableDisk.Kind.allCases)
    func olderVersion(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let path = disk.path("log/LOCK")
        let storage = try disk.pinned("log", making: true).files
        let old = try disk.storage.lock(path)
        #expect(!old.coversDirectory)
        #expect(failure { try storage.lock(path) }?.errno == ErrorNumber.wouldBlock)
        #expect(try storage.isLocked(path))
        try old.release()
        // The refusal has not kept the directory's.
        let lock = try disk.pinned("log").files.lock(path)
        #expect(failure { try disk.storage.lock(path) }?.errno == ErrorNumber.wouldBlock)
        try lock.release()
    }

    @Test("leaves nothing behind when it is withdrawn, unless the file was there", arguments: MovableDisk.Kind.allCases)
    func withdrawn(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let path = disk.path("log/LOCK")
        let storage = try disk.pinned("log", making: true).files
        try storage.lock(path).withdraw()
        #expect(try storage.list(disk.path("log")).isEmpty)
        try storage.create(path).close()
        try storage.lock(path).withdraw()
        #expect(try storage.list(disk.path("log")) == ["LOCK"])
        #expect(try !storage.isLocked(path))
        try storage.unlink(path)
        // Another file in its place is not its own.
        let lock = try storage.lock(path)
        try storage.unlink(path)
        try storage.create(path).close()
        try lock.withdraw()
        #expect(try storage.list(disk.path("log")) == ["LOCK"])
    }

    @Test(
        "is that on the file alone where the directory can't be locked",
        arguments: [
            ErrorNumber.badDescriptor, ErrorNumber.invalidArgument, ErrorNumber.notSupported, ErrorNumber.noLocks,
            ErrorNumber.noSuchCall, ErrorNumber.isDirectory,
        ])
    func unlockable(_ errno: CInt) throws {
        let disk = try MovableDisk(.real)
        var calls = PosixCalls.live
        calls.flock = { number, operation in
            var status = FileStatus()
            _ = PosixCalls.live.status(number, &status)
            return status.isDirectory ? -errno : PosixCalls.live.flock(number, operation)
        }
        let log = DirectoryPath(disk.path("log"))
        func pinned() throws -> any Storage {
            try PosixStorage(calls: calls).pinned(to: log, mode: nil, making: true).files
        }
        let path = disk.path("log/LOCK")
        let storage = try pinned()
        #expect(try !storage.isLocked(path))
        let lock = try storage.lock(path)
        #expect(!lock.coversDirectory)
        #expect(try storage.isLocked(path))
        #expect(failure { try pinned().lock(path) }?.errno == ErrorNumber.wouldBlock)
        try lock.release()
        #expect(try !storage.isLocked(path))
    }

    @Test("any other error is told, and nothing is left locked")
    func failing() throws {
        let disk = try MovableDisk(.real)
        let fails = SharedFlag()
        var calls = PosixCalls.live
        calls.flock = { number, operation in
            var status = FileStatus()
            _ = PosixCalls.live.status(number, &status)
            if fails.value, status.isDirectory != fails.isForFiles { return -ErrorNumber.io }
            return PosixCalls.live.flock(number, operation)
        }
        let log = DirectoryPath(disk.path("log"))
        let storage = try PosixStorage(calls: calls).pinned(to: log, mode: nil, making: true).files
        for isForFiles in [false, true] {
            fails.set(true, isForFiles: isForFiles)
            #expect(failure { try storage.lock(disk.path("log/LOCK")) }?.errno == ErrorNumber.io)
            fails.set(false, isForFiles: false)
            #expect(try !storage.isLocked(disk.path("log/LOCK")))
        }
    }
}

private final class SharedFlag: Sendable {
    private let state = Guarded((value: false, isForFiles: false))
    var value: Bool { state.withLock { $0.value } }
    var isForFiles: Bool { state.withLock { $0.isForFiles } }
    func set(_ value: Bool, isForFiles: Bool) { state.withLock { $0 = (value, isForFiles) } }
}
