import WalPlatform

/// A log's directory, opened once. Whatever becomes of its path, the descriptor leads to it.
final class PosixDirectory: StorageDirectory {
    /// As it was given.
    let path: String
    let descriptor: PosixDescriptor
    private let calls: PosixCalls
    /// The path with a slash behind it: what stands before the names of the log's files.
    private let prefix: String
    /// What the path was, whatever the working directory is later; nil if that had no path.
    private let absolutePath: [UInt8]?
    private let identity: FileStatus

    init(_ descriptor: PosixDescriptor, at path: DirectoryPath, calls: PosixCalls) throws(StorageError) {
        self.descriptor = descriptor
        self.calls = calls
        self.path = path.description
        prefix = path.description + "/"
        if path.bytes.first == UInt8(ascii: "/") {
            absolutePath = path.bytes
        } else {
            absolutePath = WorkingDirectory.path.map { $0 + [UInt8(ascii: "/")] + path.bytes }
        }
        identity = try descriptor.use(.open) { number throws(StorageError) in
            var status = FileStatus()
            _ = try retryInterrupted(.open, path.description) { calls.status(number, &status) }
            return status
        }
    }

    /// What comes behind the directory in a path; nil if it is not below it.
    func name(of path: String) -> Substring? {
        guard path.utf8.count > prefix.utf8.count, path.utf8.starts(with: prefix.utf8) else { return nil }
        return path[path.utf8.index(path.startIndex, offsetBy: prefix.utf8.count)...]
    }

    /// Calls `body` with the directory, or the folder of it, that a path below it leads through, and the last name. A folder is
    /// held open while the call runs; no link is followed.
    func place<Result>(
        of path: String, _ operation: StorageError.Operation,
        _ body: (CInt, String) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        guard let below = name(of: path) else {
            // The log's files are those of this directory, and of no other.
            throw StorageError(operation, path, errno: ErrorNumber.invalidArgument)
        }
        guard let slash = below.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return try descriptor.use(operation) { number throws(StorageError) in try body(number, String(below)) }
        }
        let folder = below[..<slash]
        // A log's folders have none in them: all but the last name of a longer path would be followed.
        guard !folder.utf8.contains(UInt8(ascii: "/")) else {
            throw StorageError(operation, path, errno: ErrorNumber.invalidArgument)
        }
        let opened = try open(String(folder), OpenFlags.directoryNotLink, operation, prefix + folder)
        let result = try opened.use(operation) { number throws(StorageError) in
            try body(number, String(below[below.utf8.index(after: slash)...]))
        }
        // Nothing was written through it.
        do { try opened.close() } catch {}
        return result
    }

    /// Opens a name of the directory, or the directory once more as ".".
    func open(
        _ name: String, _ flags: CInt, _ operation: StorageError.Operation, _ path: String
    ) throws(StorageError) -> PosixDescriptor {
        let number = try descriptor.use(operation) { number throws(StorageError) in
            try explainingRemoval { () throws(StorageError) in
                try retryInterrupted(operation, path) { calls.openAt(number, name, flags, 0) }
            }
        }
        return PosixDescriptor(number, path: path, calls: calls)
    }

    // MARK: What becomes of it

    /// Where a name was not found because the directory itself is gone, says so.
    @inline(__always)
    func explainingRemoval<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
        do throws(StorageError) {
            return try body()
        } catch  where error.errno == ErrorNumber.notFound {
            if try isRemoved(error.operation) { throw StorageError(removed: path, error.operation) }
            throw error
        }
    }

    /// Whether the directory has no name any more.
    func isRemoved(_ operation: StorageError.Operation) throws(StorageError) -> Bool {
        try descriptor.use(operation) { number throws(StorageError) in
            var status = FileStatus()
            _ = try retryInterrupted(operation, path) { calls.status(number, &status) }
            return status.linkCount == 0
        }
    }

    func isRemoved() throws(StorageError) -> Bool { try isRemoved(.openDirectory) }

    func whereabouts() throws(StorageError) -> DirectoryWhereabouts {
        let named = absolutePath.flatMap { status(following: $0) }
        if let named, named.isSameFile(as: identity) { return .inPlace }
        if let named, named.isDirectory, let absolutePath,
            status(following: absolutePath + Array("/\(FileNames.superblock)".utf8))?.isRegular == true
        {
            return .replaced
        }
        return try isRemoved() ? .removed : .elsewhere
    }

    /// What a path leads to; nil if it leads nowhere, or nowhere that this process may look.
    private func status(following path: [UInt8]) -> FileStatus? {
        var status = FileStatus()
        while true {
            let result = calls.statusFollowingLinks(path, &status)
            if result >= 0 { return status }
            if result != -ErrorNumber.interrupted { return nil }
        }
    }

    func syncParent() throws(StorageError) {
        let parent = try open("..", OpenFlags.directory, .syncDirectory, prefix + "..")
        try parent.use(.syncDirectory) { number throws(StorageError) in
            _ = try retryInterrupted(.syncDirectory, parent.path) { calls.syncAll(number) }
        }
        try parent.close()
    }

    func remove() throws(StorageError) {
        guard let absolutePath, status(following: absolutePath)?.isSameFile(as: identity) == true else { return }
        _ = try retryInterrupted(.unlink, path) { calls.removeDirectory(absolutePath) }
    }
}
