import WalPlatform

/// A held `flock` on the log's directory and on its lock file.
///
/// Each belongs to an open file, so that a second holder is refused in the same process too.
final class PosixLock: StorageLock {
    private let file: PosixDescriptor
    private let path: String
    private let isMade: Bool
    /// The log's directory, if it could be locked. Not this object's to close.
    private let directory: PosixDescriptor?
    private let storage: PosixStorage
    private var calls: PosixCalls { storage.calls }
    /// A forked child shares the lock with its parent: unlocking there would take it from the parent.
    private let process = ForkMark()

    init(
        _ file: PosixDescriptor, path: String, isMade: Bool, directory: PosixDescriptor?, storage: PosixStorage
    ) {
        self.file = file
        self.path = path
        self.isMade = isMade
        self.directory = directory
        self.storage = storage
    }

    deinit {
        // Dropped without `release`: there is nobody to tell.
        do { try release() } catch {}
    }

    var coversDirectory: Bool { directory != nil }

    func isCurrent() throws(StorageError) -> Bool {
        try file.use(.lock) { number throws(StorageError) in
            var held = FileStatus()
            _ = try retryInterrupted(.lock, path) { calls.status(number, &held) }
            var named = FileStatus()
            do throws(StorageError) {
                try storage.place(of: path, .lock) { (directory, name) throws(StorageError) in
                    _ = try retryInterrupted(.lock, path) { calls.statusAt(directory, name, &named) }
                }
            } catch  where error.errno == ErrorNumber.notFound || error.errno == ErrorNumber.notDirectory {
                return false
            }
            return held.isSameFile(as: named)
        }
    }

    func release() throws(StorageError) {
        if process.isForked {
            // Held open, either would keep the lock when the parent has gone.
            do { try directory?.close() } catch {}
            return try file.close()
        }
        do throws(StorageError) {
            // Closing alone would leave the lock to a child that was forked and has not yet replaced its program.
            try Self.tryUnlock(file)
        } catch  where error.errno == ErrorNumber.badDescriptor {
            return
        } catch {
            // Closing frees the lock as well; the first error is the one to report.
            do { try file.close() } catch {}
            if let directory { Self.unlock(directory) }
            throw error
        }
        if let directory { Self.unlock(directory) }
        try file.close()
    }

    func withdraw() throws(StorageError) {
        var first: StorageError?
        do throws(StorageError) {
            if isMade, try isCurrent() { try storage.unlink(path) }
        } catch {
            first = error
        }
        // Whatever became of the file, the lock is given up.
        try release()
        if let first { throw first }
    }

    private static func tryUnlock(_ descriptor: PosixDescriptor) throws(StorageError) {
        try descriptor.use(.lock) { number throws(StorageError) in
            _ = try retryInterrupted(.lock, descriptor.path) {
                descriptor.calls.flock(number, FileLockOperation.unlock)
            }
        }
    }

    /// Gives up the lock on a directory. A call that took it can't fail to give it up but for a closed descriptor, which has none.
    static func unlock(_ descriptor: PosixDescriptor) {
        do { try tryUnlock(descriptor) } catch {}
    }
}
