package import WalPlatform

/// The operating system's files: the storage of every log that is not a test.
///
/// Interrupted calls and short counts are dealt with here and in `PosixFile`, and nowhere above.
package struct PosixStorage: Storage {
    /// The owner alone reads and writes.
    private static let privateMode: UInt32 = 0o600

    let calls: PosixCalls
    /// What new files may be used for; the process's umask takes from it.
    private var fileMode = Self.privateMode
    /// The log's directory: all paths are those of its files, and no link is followed. Nil: any path, of which only the last name
    /// must be no link.
    let root: PosixDirectory?

    /// - Parameter calls: the system calls; others than the real ones are for tests.
    package init(calls: PosixCalls = .live) {
        self.calls = calls
        root = nil
    }

    private init(calls: PosixCalls, fileMode: UInt32, root: PosixDirectory) {
        self.calls = calls
        self.fileMode = fileMode
        self.root = root
    }

    // MARK: The log's directory

    package func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        guard !path.bytes.contains(0) else {
            throw StorageError(.open, path.description, errno: ErrorNumber.invalidArgument)
        }
        var isMade = false
        let descriptor: PosixDescriptor
        do throws(StorageError) {
            descriptor = try directory(path)
        } catch {
            guard making, error.isNotFound else { throw error }
            isMade = try makeDirectory(path, mode ?? Self.privateMode)
            do throws(StorageError) {
                descriptor = try directory(path)
            } catch  where error.isNotFound && !isMade {
                throw StorageError(danglingLink: path.description, .open)
            }
        }
        let root = try PosixDirectory(descriptor, at: path, calls: calls)
        let fileMode: UInt32
        if let mode { fileMode = mode } else { fileMode = try inheritedMode(root) }
        let storage = PosixStorage(calls: calls, fileMode: fileMode, root: root)
        return PinnedStorage(files: storage, directory: root, isMade: isMade)
    }

    private func directory(_ path: DirectoryPath) throws(StorageError) -> PosixDescriptor {
        let number = try retryInterrupted(.open, path.description) {
            calls.open(path.bytes, OpenFlags.directory, 0)
        }
        return PosixDescriptor(number, path: path.description, calls: calls)
    }

    /// Returns false if there is something by that name.
    private func makeDirectory(_ path: DirectoryPath, _ mode: UInt32) throws(StorageError) -> Bool {
        do throws(StorageError) {
            _ = try retryInterrupted(.createDirectory, path.description) {
                calls.makeDirectory(path.bytes, Self.directoryMode(mode))
            }
            return true
        } catch  where error.alreadyExists {
            return false
        }
    }

    /// Who may read files may list their names.
    private static func directoryMode(_ mode: UInt32) -> UInt32 { mode | (mode & 0o444) >> 2 }

    /// The permissions of the log that is there, so that who reads it now can read what is added.
    private func inheritedMode(_ root: PosixDirectory) throws(StorageError) -> UInt32 {
        try root.descriptor.use(.open) { number throws(StorageError) in
            var status = FileStatus()
            // What keeps it from being looked at is met again by who reads it.
            guard calls.statusAt(number, FileNames.superblock, &status) == 0, status.isRegular else {
                return Self.privateMode
            }
            return status.permissions & 0o666 | Self.privateMode
        }
    }

    // MARK: Names

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
        // A directory that is gone can still be listed.
        if names.count == 0, let root, try root.isRemoved(.list) { throw StorageError(removed: root.path, .list) }
        return names
    }

    package func createDirectory(_ path: String) throws(StorageError) {
        try at(path, .createDirectory) { calls.makeDirectoryAt($0, $1, Self.directoryMode(fileMode)) }
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
        try place(of: from, .rename) { (source, name) throws(StorageError) in
            try place(of: to, .rename) { (target, newName) throws(StorageError) in
                try explainingRemoval { () throws(StorageError) in
                    _ = try retryInterrupted(.rename, from) { calls.renameAt(source, name, target, newName) }
                }
            }
        }
    }

    package func unlink(_ path: String) throws(StorageError) {
        try at(path, .unlink) { calls.unlinkAt($0, $1) }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        if let root, path == root.path { return try sync(root.descriptor) }
        // That it can't be opened is no verdict on what was to be synced.
        let descriptor = try directory(path, .open)
        try sync(descriptor)
        try descriptor.close()
    }

    private func sync(_ directory: PosixDescriptor) throws(StorageError) {
        try directory.use(.syncDirectory) { number throws(StorageError) in
            _ = try retryInterrupted(.syncDirectory, directory.path) { calls.syncAll(number) }
        }
    }

    // MARK: Opening

    /// Opens a file that exists, and nothing that only has a file's name.
    func file(
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

    /// Opens a directory with a place of its own in the list of its names.
    func directory(
        _ path: String, _ operation: StorageError.Operation
    ) throws(StorageError) -> PosixDescriptor {
        guard let root else { return try descriptor(operation, path, OpenFlags.directory) }
        if path == root.path { return try root.open(".", OpenFlags.directory, operation, path) }
        return try descriptor(operation, path, OpenFlags.directoryNotLink)
    }

    private func descriptor(
        _ operation: StorageError.Operation, _ path: String, _ flags: CInt
    ) throws(StorageError) -> PosixDescriptor {
        let number = try at(path, operation) { calls.openAt($0, $1, flags, fileMode) }
        return PosixDescriptor(number, path: path, calls: calls)
    }

    /// Makes a call that takes an open directory and a name in it.
    @discardableResult
    private func at(
        _ path: String, _ operation: StorageError.Operation, _ call: (CInt, String) -> CInt
    ) throws(StorageError) -> CInt {
        try place(of: path, operation) { (directory, name) throws(StorageError) in
            try explainingRemoval { () throws(StorageError) in
                try retryInterrupted(operation, path) { call(directory, name) }
            }
        }
    }

    /// Calls `body` with the directory that a path leads through, and the name in it; with the working directory and the whole
    /// path where the storage is pinned to none.
    func place<Result>(
        of path: String, _ operation: StorageError.Operation,
        _ body: (CInt, String) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        // The system would cut a path at a zero byte and act on another file.
        if path.utf8.contains(0) {
            throw StorageError(operation, path, errno: ErrorNumber.invalidArgument)
        }
        guard let root else { return try body(PosixCalls.workingDirectory, path) }
        return try root.place(of: path, operation, body)
    }

    @inline(__always)
    private func explainingRemoval<Result>(
        _ body: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        guard let root else { return try body() }
        return try root.explainingRemoval(body)
    }
}
