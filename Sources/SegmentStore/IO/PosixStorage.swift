package import WalPlatform

/// The operating system's files: the storage of every log that is not a test.
///
/// Interrupted calls and short counts are dealt with here and in `PosixFile`, and nowhere above.
package struct PosixStorage: Storage {
    private static let fileMode: UInt32 = 0o644
    private static let directoryMode: UInt32 = 0o755

    /// How often, and after how long, a taken lock is tried again: a reader that asks whether there is a writer holds
    /// a shared lock for an instant.
    private static let lockAttempts = 10
    private static let lockPauseNanoseconds: Int64 = 10_000_000

    private let calls: PosixCalls

    /// - Parameter calls: the system calls; others than the real ones are for tests.
    package init(calls: PosixCalls = .live) {
        self.calls = calls
    }

    package func names(in directory: String) throws(StorageError) -> DirectoryNames {
        let descriptor = try descriptor(.list, directory, OpenFlags.directory)
        let names = try descriptor.use(.list) { number throws(StorageError) in
            var names = DirectoryNames()
            _ = try retryInterrupted(.list, directory) {
                names.removeAll()
                return calls.list(number, &names)
            }
            return names
        }
        try descriptor.close()
        return names
    }

    package func createDirectory(_ path: String) throws(StorageError) {
        try check(.createDirectory, path)
        _ = try retryInterrupted(.createDirectory, path) { calls.makeDirectory(path, Self.directoryMode) }
    }

    package func create(_ path: String) throws(StorageError) -> any StorageFile {
        PosixFile(try descriptor(.create, path, OpenFlags.createNew))
    }

    package func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        switch access {
        case .readOnly: PosixFile(try descriptor(.open, path, OpenFlags.read))
        case .readWrite: PosixFile(try descriptor(.open, path, OpenFlags.readWrite))
        }
    }

    package func rename(_ from: String, to: String) throws(StorageError) {
        try check(.rename, from)
        try check(.rename, to)
        _ = try retryInterrupted(.rename, from) { calls.rename(from, to) }
    }

    package func unlink(_ path: String) throws(StorageError) {
        try check(.unlink, path)
        _ = try retryInterrupted(.unlink, path) { calls.unlink(path) }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        let descriptor = try descriptor(.syncDirectory, path, OpenFlags.directory)
        try descriptor.use(.syncDirectory) { number throws(StorageError) in
            _ = try retryInterrupted(.syncDirectory, path) { calls.syncAll(number) }
        }
        try descriptor.close()
    }

    package func lock(_ path: String) throws(StorageError) -> any StorageLock {
        let descriptor = try descriptor(.lock, path, OpenFlags.createIfMissing)
        var attempt = 1
        while true {
            do throws(StorageError) {
                try descriptor.use(.lock) { number throws(StorageError) in
                    _ = try retryInterrupted(.lock, path) { calls.flock(number, FileLockOperation.tryExclusive) }
                }
                return PosixLock(descriptor)
            } catch  where error.errno == ErrorNumber.wouldBlock && attempt < Self.lockAttempts {
                attempt += 1
                SystemClock.sleep(nanoseconds: Self.lockPauseNanoseconds)
            }
        }
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        let descriptor: PosixDescriptor
        do throws(StorageError) {
            descriptor = try self.descriptor(.lock, path, OpenFlags.read)
        } catch  where error.errno == ErrorNumber.notFound {
            return false
        }
        let isLocked = try descriptor.use(.lock) { number throws(StorageError) in
            do throws(StorageError) {
                _ = try retryInterrupted(.lock, path) { calls.flock(number, FileLockOperation.tryShared) }
            } catch  where error.errno == ErrorNumber.wouldBlock {
                return true
            }
            _ = try retryInterrupted(.lock, path) { calls.flock(number, FileLockOperation.unlock) }
            return false
        }
        try descriptor.close()
        return isLocked
    }

    private func descriptor(
        _ operation: StorageError.Operation, _ path: String, _ flags: CInt
    ) throws(StorageError) -> PosixDescriptor {
        try check(operation, path)
        let number = try retryInterrupted(operation, path) { calls.open(path, flags, Self.fileMode) }
        return PosixDescriptor(number, path: path, calls: calls)
    }

    /// The system would cut a path at a zero byte and act on another file.
    private func check(_ operation: StorageError.Operation, _ path: String) throws(StorageError) {
        if path.utf8.contains(0) {
            throw StorageError(operation, path, errno: ErrorNumber.invalidArgument)
        }
    }
}
