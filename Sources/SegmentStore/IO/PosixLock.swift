import WalPlatform

/// A held `flock`.
///
/// It belongs to the open file, so that a second holder is refused in the same process too.
final class PosixLock: StorageLock {
    private let descriptor: PosixDescriptor
    /// A forked child shares the lock with its parent: unlocking there would take it from the parent.
    private let process = ForkMark()

    init(_ descriptor: PosixDescriptor) {
        self.descriptor = descriptor
    }

    func isCurrent() throws(StorageError) -> Bool {
        let path = descriptor.path
        let calls = descriptor.calls
        return try descriptor.use(.lock) { number throws(StorageError) in
            var held = FileStatus()
            _ = try retryInterrupted(.lock, path) { calls.status(number, &held) }
            var named = FileStatus()
            do throws(StorageError) {
                _ = try retryInterrupted(.lock, path) { calls.statusAtPath(path, &named) }
            } catch  where error.errno == ErrorNumber.notFound || error.errno == ErrorNumber.notDirectory {
                return false
            }
            return held.isSameFile(as: named)
        }
    }

    func release() throws(StorageError) {
        if process.isForked { return try descriptor.close() }
        let calls = descriptor.calls
        do throws(StorageError) {
            // Closing alone would leave the lock to a child that was forked and has not yet replaced its program.
            try descriptor.use(.lock) { number throws(StorageError) in
                _ = try retryInterrupted(.lock, descriptor.path) { calls.flock(number, FileLockOperation.unlock) }
            }
        } catch  where error.errno == ErrorNumber.badDescriptor {
            return
        } catch {
            // Closing frees the lock as well; the first error is the one to report.
            try? descriptor.close()
            throw error
        }
        try descriptor.close()
    }
}
