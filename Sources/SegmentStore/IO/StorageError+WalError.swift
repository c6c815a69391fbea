import WalPlatform

extension StorageError {
    /// No room on the disk or in the quota.
    package var isNoSpace: Bool { errno == ErrorNumber.noSpace || errno == ErrorNumber.quota }
    package var isTooManyOpenFiles: Bool {
        errno == ErrorNumber.tooManyOpenFiles || errno == ErrorNumber.tooManyOpenFilesSystem
    }
    /// Whether nothing can have been lost and the same call may be made again: a write for which there was no room, or a
    /// directory that could not be opened to be synced. Not a sync itself, whose failure the kernel tells once.
    package var isPassing: Bool {
        switch operation {
        case .write: isNoSpace
        case .syncDirectory: isTooManyOpenFiles
        default: false
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
        case ErrorNumber.wouldBlock: (.locked, "; another process has the log open for writing")
        default: (.io, "")
        }
    }
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
