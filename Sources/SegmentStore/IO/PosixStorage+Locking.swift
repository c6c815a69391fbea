import WalPlatform

extension PosixStorage {
    /// How often, and after how long, a taken lock is tried again: a reader that asks whether there is a writer holds
    /// a shared lock for an instant.
    private static let lockAttempts = 10
    private static let lockPauseNanoseconds: Int64 = 10_000_000

    /// First that of the log's directory, which nobody can remove or replace, then that of the file, which older versions look at.
    package func lock(_ path: String) throws(StorageError) -> any StorageLock {
        let directory = try root.flatMap { (root) throws(StorageError) in try lock(root) ? root : nil }
        do throws(StorageError) {
            let (file, isMade) = try lockFile(path)
            do throws(StorageError) {
                try lock(file)
            } catch {
                // The first error is the one to report.
                do { try file.close() } catch {}
                throw error
            }
            return PosixLock(file, path: path, isMade: isMade, directory: directory?.descriptor, storage: self)
        } catch {
            if let directory { PosixLock.unlock(directory.descriptor) }
            throw error
        }
    }

    /// Locks a directory; returns false where the file system can't.
    private func lock(_ directory: PosixDirectory) throws(StorageError) -> Bool {
        do throws(StorageError) {
            try lock(directory.descriptor)
            return true
        } catch  where ErrorNumber.isUnlockable(error.errno) {
            return false
        }
    }

    private func lock(_ descriptor: PosixDescriptor) throws(StorageError) {
        var attempt = 1
        while true {
            do throws(StorageError) {
                return try descriptor.use(.lock) { number throws(StorageError) in
                    _ = try retryInterrupted(.lock, descriptor.path) {
                        calls.flock(number, FileLockOperation.tryExclusive)
                    }
                }
            } catch  where error.errno == ErrorNumber.wouldBlock && attempt < Self.lockAttempts {
                attempt += 1
                SystemClock.sleep(nanoseconds: Self.lockPauseNanoseconds)
            }
        }
    }

    /// The lock file, and whether it was made now.
    private func lockFile(_ path: String) throws(StorageError) -> (PosixDescriptor, isMade: Bool) {
        for _ in 0..<Self.lockAttempts {
            do throws(StorageError) {
                return (try file(.lock, path, OpenFlags.readWrite), false)
            } catch {
                guard error.isNotFound else { throw error }
            }
            do throws(StorageError) {
                return (try file(.lock, path, OpenFlags.createNew), true)
            } catch {
                guard error.alreadyExists else { throw error }
            }
        }
        // Others make it and remove it all the time.
        throw StorageError(.lock, path, errno: ErrorNumber.wouldBlock)
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        if let root {
            // Opened once more: on the descriptor that is held this would give up a lock of one's own.
            let directory = try root.open(".", OpenFlags.directory, .lock, root.path)
            do throws(StorageError) {
                if try isLocked(directory) { return true }
            } catch {
                // There only the file can be locked.
                guard ErrorNumber.isUnlockable(error.errno) else { throw error }
            }
        }
        do throws(StorageError) {
            return try isLocked(try file(.lock, path, OpenFlags.read))
        } catch {
            guard error.isNotFound else { throw error }
            return false
        }
    }

    /// Whether another open file has the lock; closes the descriptor.
    private func isLocked(_ descriptor: PosixDescriptor) throws(StorageError) -> Bool {
        let isLocked = try descriptor.use(.lock) { number throws(StorageError) in
            do throws(StorageError) {
                _ = try retryInterrupted(.lock, descriptor.path) { calls.flock(number, FileLockOperation.tryShared) }
            } catch  where error.errno == ErrorNumber.wouldBlock {
                return true
            }
            _ = try retryInterrupted(.lock, descriptor.path) { calls.flock(number, FileLockOperation.unlock) }
            return false
        }
        try descriptor.close()
        return isLocked
    }
}
