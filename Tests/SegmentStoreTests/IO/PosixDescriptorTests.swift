import SegmentStore
import Synchronization
import Testing
import WalPlatform

@Suite("POSIX storage: descriptors")
struct PosixDescriptorTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("every descriptor is close-on-exec")
    func closeOnExec() throws {
        let storage = PosixStorage()
        let path = directory.file("a")
        let created = try storage.create(path)
        let read = try storage.open(path, .readOnly)
        let written = try storage.open(path, .readWrite)
        let lock = try storage.lock(path)
        let open = descriptors(of: path)
        #expect(open.count == 4)
        #expect(open.allSatisfy { $0.closesOnExec })
        try created.close()
        try read.close()
        try written.close()
        try lock.release()
        #expect(descriptors(of: path).isEmpty)
    }

    @Test("listing, probing and syncing a directory leave nothing open")
    func transient() throws {
        let storage = PosixStorage()
        _ = try storage.list(directory.path)
        try storage.syncDirectory(directory.path)
        try storage.lock(directory.file("LOCK")).release()
        #expect(try !storage.isLocked(directory.file("LOCK")))
        #expect(descriptors(of: directory.path).isEmpty)
        #expect(descriptors(of: directory.file("LOCK")).isEmpty)
    }

    @Test("a dropped file closes its descriptor")
    func dropped() throws {
        let path = directory.file("a")
        _ = try PosixStorage().create(path)
        #expect(descriptors(of: path).isEmpty)
    }

    @Test("an error of close is reported, once")
    func closeError() throws {
        var calls = PosixCalls.live
        calls.close = { number in
            _ = PosixCalls.live.close(number)
            return -ErrorNumber.io
        }
        let path = directory.file("a")
        let file = try PosixStorage(calls: calls).create(path)
        #expect(failure { try file.close() } == StorageError(.close, path, errno: ErrorNumber.io))
        #expect(failure { try file.close() } == nil)
    }

    @Test("an interrupted close counts as done and is not repeated")
    func closeInterrupted() throws {
        let count = SharedCounter()
        var calls = PosixCalls.live
        calls.close = { number in
            count.increment()
            _ = PosixCalls.live.close(number)
            return -ErrorNumber.interrupted
        }
        let file = try PosixStorage(calls: calls).create(directory.file("a"))
        try file.close()
        #expect(count.value == 1)
    }

    @Test("a close during a read leaves the descriptor to the read, which reports its error")
    func closeDuringRead() throws {
        let isReading = SharedCounter()
        let mayReturn = SharedCounter()
        let closes = SharedCounter()
        var calls = PosixCalls.live
        calls.pread = { number, buffer, offset in
            isReading.value = 1
            while mayReturn.value == 0 { SystemClock.sleep(nanoseconds: 100_000) }
            return PosixCalls.live.pread(number, buffer, offset)
        }
        calls.close = { number in
            closes.increment()
            _ = PosixCalls.live.close(number)
            return -ErrorNumber.io
        }
        let path = directory.file("a")
        let file = try PosixStorage(calls: calls).create(path)
        let reader = ReadOnce(file: file)
        let thread = try SystemThread(name: "reader") { reader.run() }
        while isReading.value == 0 { SystemClock.sleep(nanoseconds: 100_000) }
        try file.close()
        #expect(closes.value == 0)
        #expect(descriptors(of: path).count == 1)
        #expect(failure { try file.size() }?.errno == ErrorNumber.badDescriptor)
        mayReturn.value = 1
        thread.join()
        #expect(reader.error == StorageError(.close, path, errno: ErrorNumber.io))
        #expect(closes.value == 1)
        #expect(descriptors(of: path).isEmpty)
    }

    @Test("readers that race a close read their own file or are refused, never another file")
    func closeRace() throws {
        let storage = PosixStorage()
        try storage.create(directory.file("mine")).write(at: 0, [1])
        try storage.create(directory.file("other")).write(at: 0, [2])
        let strangers = SharedCounter()
        for _ in 0..<200 {
            let file = try storage.open(directory.file("mine"), .readOnly)
            let readers = try (0..<2).map { _ in
                try SystemThread(name: "reader") {
                    for _ in 0..<50 {
                        let bytes = (try? file.read(at: 0, count: 1)) ?? []
                        if bytes != [1], bytes != [] { strangers.increment() }
                    }
                }
            }
            try file.close()
            let other = try storage.open(directory.file("other"), .readOnly)
            for reader in readers { reader.join() }
            try other.close()
        }
        #expect(strangers.value == 0)
    }

    /// Reads one byte on another thread and keeps the error.
    private final class ReadOnce: Sendable {
        private let file: any StorageFile
        private let outcome = Mutex<StorageError?>(nil)

        init(file: any StorageFile) { self.file = file }

        var error: StorageError? { outcome.withLock { $0 } }

        func run() {
            let error = failure { try file.read(at: 0, count: 1) }
            outcome.withLock { $0 = error }
        }
    }
}
