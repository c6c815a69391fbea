import SegmentStore
import Testing
import WalPlatform

@Suite("POSIX storage: the directory lock")
struct PosixLockTests {
    let directory: TemporaryDirectory
    let storage = PosixStorage()
    var path: String { directory.file("LOCK") }

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("is refused to a second holder in the same process, and granted after release")
    func exclusive() throws {
        let first = try storage.lock(path)
        #expect(try first.isCurrent())
        #expect(failure { try storage.lock(path) } == StorageError(.lock, path, errno: ErrorNumber.wouldBlock))
        try first.release()
        try first.release()
        #expect(failure { try first.isCurrent() }?.errno == ErrorNumber.badDescriptor)
        let second = try storage.lock(path)
        #expect(try second.isCurrent())
    }

    @Test("is free when its object is dropped")
    func dropped() throws {
        _ = try storage.lock(path)
        // A process that another test is starting at this moment keeps the descriptor until it runs its program.
        let end = SystemClock.monotonicNanoseconds() + 600_000_000_000
        while try storage.isLocked(path), SystemClock.monotonicNanoseconds() < end {
            SystemClock.sleep(nanoseconds: 1_000_000)
        }
        #expect(try !storage.isLocked(path))
        try storage.lock(path).release()
    }

    @Test("shows to a probe, which neither takes it nor makes the file")
    func probe() throws {
        #expect(try !storage.isLocked(path))
        #expect(try storage.list(directory.path).isEmpty)
        let lock = try storage.lock(path)
        #expect(try storage.isLocked(path))
        #expect(try lock.isCurrent())
        try lock.release()
        #expect(try !storage.isLocked(path))
    }

    @Test("is not shaken by closing other descriptors of its file")
    func otherDescriptors() throws {
        let lock = try storage.lock(path)
        try storage.open(path, .readWrite).close()
        #expect(try storage.isLocked(path))
        try lock.release()
    }

    @Test("is no longer current once its file is gone or replaced")
    func replaced() throws {
        let lock = try storage.lock(path)
        try storage.unlink(path)
        #expect(try !lock.isCurrent())
        let other = try storage.lock(path)
        #expect(try !lock.isCurrent())
        #expect(try other.isCurrent())
        try lock.release()
        #expect(try storage.isLocked(path))
    }

    @Test("is tried again while a probe holds it for an instant")
    func retried() throws {
        let attempts = SharedCounter()
        var calls = PosixCalls.live
        calls.flock = { number, operation in
            if operation == FileLockOperation.tryExclusive, attempts.increment() < 3 {
                return -ErrorNumber.wouldBlock
            }
            return PosixCalls.live.flock(number, operation)
        }
        let lock = try PosixStorage(calls: calls).lock(path)
        #expect(attempts.value == 3)
        #expect(try storage.isLocked(path))
        try lock.release()
    }

    @Test("fails at once when the file system knows no locks")
    func unsupported() throws {
        let attempts = SharedCounter()
        var calls = PosixCalls.live
        calls.flock = { _, _ in
            attempts.increment()
            return -ErrorNumber.notSupported
        }
        let storage = PosixStorage(calls: calls)
        #expect(failure { try storage.lock(path) } == StorageError(.lock, path, errno: ErrorNumber.notSupported))
        #expect(attempts.value == 1)
        #expect(failure { try storage.isLocked(path) }?.errno == ErrorNumber.notSupported)
    }
}
