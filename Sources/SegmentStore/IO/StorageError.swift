import WalPlatform

/// A failed call on the storage seam: which call, on which path, and the system's error number.
package struct StorageError: Error, Sendable, Hashable {
    /// The calls of the seam, for messages and for aiming injected faults.
    package enum Operation: String, Sendable, Hashable, CaseIterable {
        case list, createDirectory, create, open, size, read, write, allocate, truncate, sync, syncDirectory
        case rename, unlink, lock, map, close, nextData, openDirectory
    }

    package var operation: Operation
    package var path: String
    package var errno: CInt
    /// Set where the number alone does not say what is wrong, or no system call failed, but the bytes read make no sense.
    package var problem: Problem?

    /// What is wrong with a file that could be read.
    package enum Problem: Sendable, Hashable {
        /// A block of a compressed segment is damaged: these bytes of the raw segment can't be had.
        case damaged(Range<UInt64>)
        /// The file is compressed, and this build has no zstd.
        case unsupported
        /// The name leads to a directory, pipe, socket or device.
        case noFile
        /// The log's directory has been removed while it was held.
        case directoryRemoved
        /// The path of the log's directory is a link that leads nowhere.
        case danglingLink
    }

    package init(_ operation: Operation, _ path: String, errno: CInt) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    /// A block of a compressed segment is damaged.
    package init(damaged range: Range<UInt64>, _ path: String) {
        self.init(.read, path, errno: 0)
        problem = .damaged(range)
    }

    /// The file is a compressed segment, and this build has no zstd.
    package init(unsupported path: String) {
        self.init(.open, path, errno: 0)
        problem = .unsupported
    }

    /// The name leads to something that is no file.
    package init(noFile path: String, _ operation: Operation) {
        self.init(operation, path, errno: 0)
        problem = .noFile
    }

    /// The log's directory is gone, and with it all that was in it.
    package init(removed path: String, _ operation: Operation) {
        self.init(operation, path, errno: ErrorNumber.notFound)
        problem = .directoryRemoved
    }

    /// The path of a log's directory is a link that leads nowhere.
    package init(danglingLink path: String, _ operation: Operation) {
        self.init(operation, path, errno: ErrorNumber.notFound)
        problem = .danglingLink
    }

    /// The raw bytes of a compressed segment that can't be had.
    package var damage: Range<UInt64>? {
        if case .damaged(let range) = problem { return range }
        return nil
    }
}
