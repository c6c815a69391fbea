import SegmentStore
import Wal
import WalPlatform

/// A file that a repair put aside.
struct QuarantinedFile {
    var name: String
    var size: UInt64
}

/// The files in a log's quarantine folder, by name; none if there is no folder.
func quarantinedFiles(of log: FilePath) throws -> [QuarantinedFile] {
    let path = DirectoryPath(log)
    let folder = path.description + "/quarantine"
    do {
        let storage = try PosixStorage().pinned(to: path, mode: nil, making: false).files
        return try storage.list(folder).sorted().compactMap { name in
            guard let file = try openRegular("\(folder)/\(name)", storage) else { return nil }
            let size = try file.size()
            try file.close()
            return QuarantinedFile(name: name, size: size)
        }
    } catch let error as StorageError {
        if error.isNotFound { return [] }
        throw error.wal("list the quarantine")
    }
}

/// A link, pipe or directory was put there by nobody who repaired the log, and nobody needs its size.
private func openRegular(_ path: String, _ storage: any Storage) throws(StorageError) -> (any StorageFile)? {
    do throws(StorageError) {
        return try storage.open(path, .readOnly)
    } catch  where error.problem == .noFile || error.errno == ErrorNumber.tooManyLinks {
        return nil
    }
}
