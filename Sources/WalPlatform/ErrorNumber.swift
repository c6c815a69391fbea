import CWalPlatform

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// The system's error numbers, by names that need no C library to be imported.
package enum ErrorNumber {
    package static let alreadyExists: CInt = EEXIST
    package static let badDescriptor: CInt = EBADF
    package static let busy: CInt = EBUSY
    package static let crossDevice: CInt = EXDEV
    package static let deadlock: CInt = EDEADLK
    package static let directoryNotEmpty: CInt = ENOTEMPTY
    package static let fileTooLarge: CInt = EFBIG
    package static let interrupted: CInt = EINTR
    package static let invalidArgument: CInt = EINVAL
    package static let io: CInt = EIO
    package static let isDirectory: CInt = EISDIR
    package static let nameTooLong: CInt = ENAMETOOLONG
    package static let noDevice: CInt = ENODEV
    package static let noLocks: CInt = ENOLCK
    package static let noSuchCall: CInt = ENOSYS
    package static let noSpace: CInt = ENOSPC
    package static let noSuchAddress: CInt = ENXIO
    package static let notDirectory: CInt = ENOTDIR
    package static let notFound: CInt = ENOENT
    package static let notPermitted: CInt = EPERM
    package static let notSupported: CInt = EOPNOTSUPP
    package static let outOfMemory: CInt = ENOMEM
    package static let permission: CInt = EACCES
    package static let quota: CInt = EDQUOT
    package static let readOnlyFileSystem: CInt = EROFS
    package static let stale: CInt = ESTALE
    package static let timedOut: CInt = ETIMEDOUT
    package static let tooManyLinks: CInt = ELOOP
    package static let tooManyOpenFiles: CInt = EMFILE
    package static let tooManyOpenFilesSystem: CInt = ENFILE
    package static let wouldBlock: CInt = EWOULDBLOCK

    /// Whether a file system says by it that it can't do what was asked at all, to a call that asked for a lock.
    package static func isUnlockable(_ errno: CInt) -> Bool {
        [EBADF, EINVAL, EISDIR, ENOLCK, ENOSYS, ENOTSUP, ENOTTY, EOPNOTSUPP].contains(errno)
    }

    /// The system's text for an error number, such as "No such file or directory".
    package static func describe(_ errno: CInt) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let start = text.baseAddress else { return "error \(errno)" }
            wal_describe_error(errno, start, text.count)
            return String(cString: start)
        }
    }
}
