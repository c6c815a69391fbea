package import WalPlatform

/// The operating system's files: the storage of every log that is not a test.
///
/// Interrupted calls and short counts are dealt with here and in `PosixFile`, and nowhere above.
package struct PosixStorage: Storage {
    /// The owner alone reads and writes.
    private static let privateMode: UInt32 = 0o600

    /// How often, and after how long, a taken lock is tried again: a reader that asks whether there is a writer holds
    /// a shared lock for an instant.
    private static let lockAttempts = 10
    private static let lockPauseNanoseconds: Int64 = 10_000_000

    private let calls: PosixCalls
    /// What new files may be used for; the process's umask takes from it.
    private var fileMode = Self.privateMode
    /// The log's directory with a slash behind it: below it no link is followed. Nil: any path, and only its last name is no link.
    private var root: String?

    /// - Parameter calls: the system calls; others than the real ones are for tests.
    package init(calls: PosixCalls = .live) {
        self.calls = calls
    }

    package func confined(to directory: String, mode: UInt32?) -> any Storage {
        var storage = self
        storage.root = directory + "/"
        storage.fileMode = mode ?? inheritedMode(directory)
        return storage
    }

    /// The permissions of the log that is there, so that who reads it now can read what is added.
    private func inheritedMode(_ directory: String) -> UInt32 {
        var status = FileStatus()
        guard calls.statusAtPath(directory + "/" + FileNames.superblock, &status) == 0, status.isRegular else {
            return Self.privateMode
        }
        return status.permissions & 0o666 | Self.privateMode
    }

    package func names(in directory: String) throws(StorageError) -> DirectoryNames {
        let descriptor = try self.directory(directory, .list)
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
        // Who may read files may list their names.
        let mode = fileMode | (fileMode & 0o444) >> 2
        _ = try retryInterrupted(.createDirectory, path) { calls.makeDirectory(path, mode) }
    }

    package func create(_ path: String) throws(StorageError) -> any StorageFile {
        PosixFile(try descriptor(.create, path, OpenFlags.createNew))
    }

    package func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        switch access {
        case .readOnly: PosixFile(try file(.open, path, OpenFlags.read))
        case .readWrite: PosixFile(try file(.open, path, OpenFlags.readWrite))
        }
    }

    package func rename(_ from: String, to: String) throws(StorageError) {
        try check(.rename, from)
        try check(.rename, to)
        try place(of: from, .rename) { (source, name) throws(StorageError) in
            try place(of: to, .rename) { (target, newName) throws(StorageError) in
                _ = try retryInterrupted(.rename, from) {
                    if source == nil, target == nil { return calls.rename(from, to) }
                    let here = PosixCalls.workingDirectory
                    return calls.renameAt(source ?? here, name, target ?? here, newName)
                }
            }
        }
    }

    package func unlink(_ path: String) throws(StorageError) {
        try check(.unlink, path)
        try place(of: path, .unlink) { (directory, name) throws(StorageError) in
            _ = try retryInterrupted(.unlink, path) {
                guard let directory else { return calls.unlink(path) }
                return calls.unlinkAt(directory, name)
            }
        }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        // That it can't be opened is no verdict on what was to be synced.
        let descriptor = try directory(path, .open)
        try descriptor.use(.syncDirectory) { number throws(StorageError) in
            _ = try retryInterrupted(.syncDirectory, path) { calls.syncAll(number) }
        }
        try descriptor.close()
    }

    package func lock(_ path: String) throws(StorageError) -> any StorageLock {
        let descriptor = try file(.lock, path, OpenFlags.createIfMissing)
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
            descriptor = try file(.lock, path, OpenFlags.read)
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

    /// Opens a file that exists, and nothing that only has a file's name.
    private func file(
        _ operation: StorageError.Operation, _ path: String, _ flags: CInt
    ) throws(StorageError) -> PosixDescriptor {
        let descriptor: PosixDescriptor
        do throws(StorageError) {
            descriptor = try self.descriptor(operation, path, flags)
        } catch  where error.errno == ErrorNumber.noSuchAddress || error.errno == ErrorNumber.isDirectory {
            // Of sockets the one, of directories the other.
            throw StorageError(noFile: path, operation)
        }
        try descriptor.use(operation) { number throws(StorageError) in
            var status = FileStatus()
            _ = try retryInterrupted(operation, path) { calls.status(number, &status) }
            guard status.isRegular else { throw StorageError(noFile: path, operation) }
        }
        return descriptor
    }

    private func directory(
        _ path: String, _ operation: StorageError.Operation
    ) throws(StorageError) -> PosixDescriptor {
        try descriptor(operation, path, nameBelowRoot(path) == nil ? OpenFlags.directory : OpenFlags.directoryNotLink)
    }

    private func descriptor(
        _ operation: StorageError.Operation, _ path: String, _ flags: CInt
    ) throws(StorageError) -> PosixDescriptor {
        try check(operation, path)
        let number = try place(of: path, operation) { (directory, name) throws(StorageError) in
            try retryInterrupted(operation, path) {
                guard let directory else { return calls.open(path, flags, fileMode) }
                return calls.openAt(directory, name, flags, fileMode)
            }
        }
        return PosixDescriptor(number, path: path, calls: calls)
    }

    /// Calls `body` with the folder of the log that the path leads through, held open while the call runs, and the name in it;
    /// with no folder and the whole path if it leads through none.
    private func place<Result>(
        of path: String, _ operation: StorageError.Operation,
        _ body: (CInt?, String) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        guard let root, let below = nameBelowRoot(path), let slash = below.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return try body(nil, path)
        }
        let folder = below[..<slash]
        // A log's folders have none in them: all but the last name of a longer path would be followed.
        guard !folder.utf8.contains(UInt8(ascii: "/")) else {
            throw StorageError(operation, path, errno: ErrorNumber.invalidArgument)
        }
        let folderPath = root + folder
        let number = try retryInterrupted(operation, folderPath) {
            calls.open(folderPath, OpenFlags.directoryNotLink, 0)
        }
        let descriptor = PosixDescriptor(number, path: folderPath, calls: calls)
        let result = try descriptor.use(operation) { number throws(StorageError) in
            try body(number, String(below[below.utf8.index(after: slash)...]))
        }
        // Nothing was written through it.
        do { try descriptor.close() } catch {}
        return result
    }

    /// What comes behind the log's directory in a path; nil if it is not below it.
    private func nameBelowRoot(_ path: String) -> Substring? {
        guard let root, path.utf8.count > root.utf8.count, path.utf8.starts(with: root.utf8) else { return nil }
        return path[path.utf8.index(path.startIndex, offsetBy: root.utf8.count)...]
    }

    /// The system would cut a path at a zero byte and act on another file.
    private func check(_ operation: StorageError.Operation, _ path: String) throws(StorageError) {
        if path.utf8.contains(0) {
            throw StorageError(operation, path, errno: ErrorNumber.invalidArgument)
        }
    }
}
