import SegmentStore
import WalPlatform

/// A directory of a simulated disk, held whatever becomes of its path.
final class SimulatedDirectory: StorageDirectory {
    let disk: SimulatedDisk
    let id: Int
    private let path: String
    private let canonical: String

    init(_ disk: SimulatedDisk, _ id: Int, _ path: String) {
        self.disk = disk
        self.id = id
        self.path = path
        canonical = DiskPath.canonical(path)
    }

    /// The path by which the disk knows now what a path below the one that was opened means.
    func currentPath(
        _ below: String, _ operation: StorageError.Operation, _ state: SimulatedDisk.State
    ) throws(StorageError) -> String {
        guard below == path || below.hasPrefix(path + "/") else {
            throw StorageError(operation, below, errno: ErrorNumber.invalidArgument)
        }
        if state.model.directoryIDs[canonical] == id { return below }
        guard let current = state.model.path(of: id) else { throw StorageError(removed: path, operation) }
        return current + below.dropFirst(path.count)
    }

    func whereabouts() throws(StorageError) -> DirectoryWhereabouts {
        disk.withState { state in
            let model = state.model
            let named = model.directoryIDs[canonical]
            if named == id { return .inPlace }
            if let named, case .file? = model.directories[named]?.entries[FileNames.superblock] { return .replaced }
            return model.path(of: id) == nil ? .removed : .elsewhere
        }
    }

    func isRemoved() throws(StorageError) -> Bool {
        disk.withState { $0.model.path(of: id) == nil }
    }

    func syncParent() throws(StorageError) {
        try disk.withState { (state) throws(StorageError) in
            guard let current = state.model.path(of: id) else { throw StorageError(removed: path, .syncDirectory) }
            let parent = DiskPath.split(current)?.parent ?? "/"
            try state.model.syncDirectory(parent)
            state.record(.syncDirectory(parent))
        }
    }

    func remove() throws(StorageError) {
        try disk.withState { (state) throws(StorageError) in
            guard state.model.directoryIDs[canonical] == id else { return }
            try state.model.removeDirectory(canonical)
            state.record(.removeDirectory(canonical))
        }
    }
}
