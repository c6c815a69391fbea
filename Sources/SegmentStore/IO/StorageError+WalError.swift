import WalPlatform

extension StorageError {
    /// No room on the disk or in the quota.
    package var isNoSpace: Bool { errno == ErrorNumber.noSpace || errno == ErrorNumber.quota }
    package var isTooManyOpenFiles: Bool {
        errno == ErrorNumber.tooManyOpenFiles || errno == ErrorNumber.tooManyOpenFilesSystem
    }
    /// What the system refuses before it does anything, and may grant later: no rights, a file system that is read-only for
    /// now, no descriptor, no memory.
    package var isRefusal: Bool {
        switch errno {
        case ErrorNumber.permission, ErrorNumber.notPermitted, ErrorNumber.readOnlyFileSystem,
            ErrorNumber.outOfMemory, ErrorNumber.wouldBlock:
            true
        default: isTooManyOpenFiles
        }
    }
    /// Whether nothing can have been lost and the same call may be made again: a write for which there was no room, or a call
    /// that changes names or reads and was refused. Not a sync, whose failure the kernel tells once: of a directory's only
    /// that it could not be opened for it.
    package var isPassing: Bool {
        switch operation {
        case .write: isNoSpace
        case .syncDirectory: isTooManyOpenFiles
        case .create, .createDirectory, .rename, .unlink: isRefusal || isNoSpace
        case .open, .openDirectory, .list, .size, .read, .map, .nextData: isRefusal
        case .allocate, .truncate, .sync, .lock, .close: false
        }
    }
    package var isPermission: Bool { errno == ErrorNumber.permission || errno == ErrorNumber.notPermitted }
    /// No such name. Not where the directory itself is gone.
    package var isNotFound: Bool { errno == ErrorNumber.notFound && problem == nil }
    package var alreadyExists: Bool { errno == ErrorNumber.alreadyExists }

    /// What the error means to a user. `doing` completes the sentence "could not …".
    package func wal(_ doing: String) -> WalError {
        switch problem {
        case .damaged(let range):
            return WalError(
                .corrupted, "could not \(doing): a block of the compressed segment is damaged; \(RecoveryScan.advice)",
                path: path, offset: range.lowerBound)
        case .unsupported:
            return WalError(
                .unsupportedFormat,
                "could not \(doing): it is compressed and this software was built without zstd (the package trait Zstd)",
                path: path)
        case .noFile:
            return WalError(
                .wrongFileType, "could not \(doing): it is no file, though it has a file's name", path: path)
        case .directoryRemoved:
            return WalError(removed: path, "could not \(doing)")
        case .danglingLink:
            return WalError(
                .wrongFileType, "could not \(doing): the path is a symbolic link that leads nowhere; mend or remove it",
                path: path)
        case nil: break
        }
        let (code, advice) = meaning
        return WalError(code, "could not \(doing)\(advice)", path: path, errno: Errno(rawValue: errno))
    }

    private var meaning: (WalError.Code, String) {
        switch errno {
        case ErrorNumber.noSpace, ErrorNumber.quota: (.diskFull, "; make room")
        case ErrorNumber.notFound: (.notFound, "")
        case ErrorNumber.permission, ErrorNumber.notPermitted: (.permissionDenied, "; check owner and mode")
        case ErrorNumber.readOnlyFileSystem: (.readOnly, "; the file system is read-only")
        case ErrorNumber.notDirectory, ErrorNumber.isDirectory: (.wrongFileType, "")
        case ErrorNumber.tooManyLinks: (.wrongFileType, "; a symbolic link within a log's directory is not followed")
        case ErrorNumber.tooManyOpenFiles, ErrorNumber.tooManyOpenFilesSystem:
            (.tooManyOpenFiles, "; raise the limit of open files")
        case ErrorNumber.wouldBlock where operation == .lock:
            (.locked, "; another process has the log open for writing")
        case ErrorNumber.wouldBlock: (.unavailable, "; the system can't do it now: try again")
        case ErrorNumber.outOfMemory: (.unavailable, "; the system has no memory for it now: try again")
        default: (.io, "")
        }
    }
}

extension WalError {
    /// Whether the system refused something that it may grant later.
    var isRefusal: Bool { errno.map { StorageError(.open, "", errno: $0.rawValue).isRefusal } ?? false }
}

/// Runs a call of the seam and turns its error into the user's. `doing` completes the sentence "could not …".
package func attempt<Result>(
    _ doing: @autoclosure () -> String, _ body: () throws(StorageError) -> Result
) throws(WalError) -> Result {
    do {
        return try body()
    } catch {
        throw error.wal(doing())
    }
}

extension WalError {
    /// The log's directory was removed while the log was open.
    init(removed path: String, _ doing: String) {
        self.init(
            .directoryRemoved,
            "\(doing): the log's directory has been removed, and what was in it is lost; open the log where it is now, or a new one",
            path: path)
    }
}
