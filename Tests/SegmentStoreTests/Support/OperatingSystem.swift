import Foundation
import SegmentStore

/// Makes a named pipe.
func makePipe(_ path: String) throws {
    guard mkfifo(path, 0o600) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
}

/// The descriptors of this process that lead to `path`, and whether a replaced program would keep them.
func descriptors(of path: String) -> [(number: CInt, closesOnExec: Bool)] {
    var named = stat()
    guard stat(path, &named) == 0 else { return [] }
    // Where the system does not list them, the usual numbers.
    let listed = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd"))?.compactMap { CInt($0) }
    return (listed ?? Array(0..<1_024)).compactMap { (number: CInt) in
        var open = stat()
        guard fstat(number, &open) == 0, open.st_ino == named.st_ino, open.st_dev == named.st_dev else { return nil }
        return (number, fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
    }
}
