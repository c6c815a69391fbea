// The one place where the package asks which C library it is built on: sources import this module instead.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// The identity, kind, permissions, size and number of names of a file, as `fstat` and `lstat` tell them.
package struct FileStatus: Sendable, Hashable {
    package var device: UInt64
    package var inode: UInt64
    package var size: Int64
    /// A file with bytes of its own: no directory, link, pipe, socket or device.
    package var isRegular: Bool
    package var isDirectory: Bool
    /// How many names lead to it; 0 once it was removed and is only held open.
    package var linkCount: UInt64
    /// The nine bits that say who may read, write and execute.
    package var permissions: UInt32

    package init(
        device: UInt64 = 0, inode: UInt64 = 0, size: Int64 = 0, isRegular: Bool = false, isDirectory: Bool = false,
        linkCount: UInt64 = 1, permissions: UInt32 = 0
    ) {
        self.device = device
        self.inode = inode
        self.size = size
        self.isRegular = isRegular
        self.isDirectory = isDirectory
        self.linkCount = linkCount
        self.permissions = permissions
    }

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
        size = Int64(status.st_size)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
        linkCount = UInt64(status.st_nlink)
        permissions = UInt32(status.st_mode) & 0o777
    }

    /// Whether both are the same file, whatever its size has become.
    package func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }
}

/// Flags for `PosixCalls.open`; every descriptor is close-on-exec and none may block on opening.
package enum OpenFlags {
    // A name may lead to a pipe instead of a file: without O_NONBLOCK opening it would wait for a writer for ever.
    private static let always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    // A link in the file's place would lead to any file of the user's.
    private static let file = always | O_NOFOLLOW

    package static let read = O_RDONLY | file
    package static let readWrite = O_RDWR | file
    package static let createNew = O_RDWR | O_CREAT | O_EXCL | file
    package static let createIfMissing = O_RDWR | O_CREAT | file
    package static let directory = O_RDONLY | O_DIRECTORY | always
    package static let directoryNotLink = directory | O_NOFOLLOW
}

/// Operations for `PosixCalls.flock`.
package enum FileLockOperation {
    package static let tryExclusive = LOCK_EX | LOCK_NB
    package static let tryShared = LOCK_SH | LOCK_NB
    package static let unlock = LOCK_UN
}
