import SegmentStore
import Wal
import WalPlatform

/// A file that a repair put aside.
struct QuarantinedFile {
    var name: String
    var size: UInt64
}

/// The files in a log's quarantine folder, by name; none if there is no folder.
func quarantinedFiles(of log: String) throws -> [QuarantinedFile] {
    let storage = PosixStorage()
    let folder = log + "/quarantine"
    do {
        return try storage.list(folder).sorted().map { name in
            let file = try storage.open("\(folder)/\(name)", .readOnly)
            let size = try file.size()
            try file.close()
            return QuarantinedFile(name: name, size: size)
        }
    } catch let error as StorageError {
        if error.errno == ErrorNumber.notFound { return [] }
        throw ToolError(message: "can't list the quarantine: \(error)", exit: Exit.refused)
    }
}
