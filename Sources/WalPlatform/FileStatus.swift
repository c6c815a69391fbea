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

/// The identity and size of a file, as `fstat` and `stat` tell them.
package struct FileStatus: Sendable, Hashable {
    package var device: UInt64
    package var inode: UInt64
    package var size: Int64

    package init(device: UInt64 = 0, inode: UInt64 = 0, size: Int64 = 0) {
        self.device = device
        self.inode = inode
        self.size = size
    }

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
        size = Int64(status.st_size)
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

    package static let read = O_RDONLY | always
    package static let readWrite = O_RDWR | always
    package static let createNew = O_RDWR | O_CREAT | O_EXCL | always
    package static let createIfMissing = O_RDWR | O_CREAT | always
    package static let directory = O_RDONLY | O_DIRECTORY | always
}

/// Operations for `PosixCalls.flock`.
package enum FileLockOperation {
    package static let tryExclusive = LOCK_EX | LOCK_NB
    package static let tryShared = LOCK_SH | LOCK_NB
    package static let unlock = LOCK_UN
}
