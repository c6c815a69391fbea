import SegmentStore
import WalPlatform

/// The whole state of a simulated disk as a value: copying it is cheap, and copies share what they don't change.
///
/// Methods named like calls of the seam do what the call does; they throw before they change anything.
struct DiskModel: Sendable {
    let sectorSize: Int
    let directoryRules: DirectoryRules
    var flaws = DiskFlaws()
    /// Everything is durable at once, and nothing is noted of what came before: for disks whose power never fails.
    ///
    /// What is durable is not kept up; `settled` takes it from what programs see.
    var settlesAtOnce = false
    var files: [Int: FileNode] = [:]
    static let root = 0
    var directories: [Int: DirectoryNode] = [root: DirectoryNode()]
    /// The numbers of all directories that programs see, by their canonical paths.
    fileprivate(set) var directoryIDs: [String: Int] = ["/": root]
    /// The order of all changes; also gives files and directories their numbers.
    private(set) var sequence = 0

    init(sectorSize: Int, directoryRules: DirectoryRules = .strict) {
        self.sectorSize = sectorSize
        self.directoryRules = directoryRules
    }

    mutating func nextSequence() -> Int {
        sequence += 1
        return sequence
    }

    // MARK: Files

    func file(_ id: Int, _ operation: StorageError.Operation, _ path: String) throws(StorageError) -> FileNode {
        guard let file = files[id] else {
            throw StorageError(operation, path, errno: ErrorNumber.badDescriptor)
        }
        return file
    }

    /// What programs see of a file.
    func content(
        _ id: Int, _ operation: StorageError.Operation, _ path: String
    ) throws(StorageError) -> FileContent {
        guard let content = files[id]?.content else {
            throw StorageError(operation, path, errno: ErrorNumber.badDescriptor)
        }
        return content
    }

    mutating func write(_ id: Int, at offset: Int, _ bytes: UnsafeRawBufferPointer) {
        let sequence = nextSequence()
        if settlesAtOnce {
            files[id]?.writeThrough(at: offset, bytes, sectorSize: sectorSize)
        } else {
            files[id]?.write(at: offset, bytes, sequence: sequence, sectorSize: sectorSize)
        }
    }

    mutating func setSize(_ id: Int, _ size: Int, allocating: Bool) {
        let sequence = nextSequence()
        files[id]?.setSize(size, allocating: allocating, sequence: sequence, sectorSize: sectorSize)
    }

    mutating func sync(_ id: Int) {
        guard !flaws.ignoresFileSync, !settlesAtOnce else { return }
        files[id]?.sync()
        if directoryRules == .lax { settleNames(of: id) }
    }

    /// Makes the names that lead to a file durable, and all that came before them in their directories.
    private mutating func settleNames(of id: Int) {
        for directory in directories.keys.sorted() {
            let named = directories[directory]?.pending.last { $0.added?.entry == .file(id) }
            guard let named else { continue }
            settleCreation(of: directory)
            settle(directory, through: named.sequence)
        }
        dropUnreachable()
    }

    /// Room taken by all files that can still be reached, in bytes.
    var usedBytes: Int {
        files.values.reduce(0) { $1.isLinked || $1.handles > 0 ? $0 + $1.allocated : $0 }
    }

    // MARK: Names

    func directory(_ path: String, _ operation: StorageError.Operation) throws(StorageError) -> DirectoryNode {
        if let directory = directories[try directoryID(at: path, operation)] { return directory }
        throw StorageError(operation, path, errno: ErrorNumber.notFound)
    }

    func directoryID(at path: String, _ operation: StorageError.Operation) throws(StorageError) -> Int {
        if let id = directoryIDs[DiskPath.canonical(path)] { return id }
        let isFile = (try? link(at: path, operation).entry) != nil
        throw StorageError(
            operation, path,
            errno: isFile ? ErrorNumber.notDirectory : ErrorNumber.notFound)
    }

    /// The directory a path lies in, the name in it, and what the name leads to.
    func link(at path: String, _ operation: StorageError.Operation) throws(StorageError) -> (
        parent: Int, name: String, entry: DirectoryNode.Entry?
    ) {
        guard let (parent, name) = DiskPath.split(DiskPath.canonical(path)) else {
            throw StorageError(operation, path, errno: ErrorNumber.isDirectory)
        }
        guard let id = directoryIDs[parent], let directory = directories[id] else {
            throw StorageError(operation, path, errno: ErrorNumber.notFound)
        }
        return (id, name, directory.entries[name])
    }

    /// The number of an existing file.
    func fileID(at path: String, _ operation: StorageError.Operation) throws(StorageError) -> Int {
        switch try link(at: path, operation).entry {
        case .file(let id): return id
        case .directory: throw StorageError(operation, path, errno: ErrorNumber.isDirectory)
        case nil: throw StorageError(operation, path, errno: ErrorNumber.notFound)
        }
    }

    mutating func create(_ path: String, _ operation: StorageError.Operation = .create) throws(StorageError) -> Int {
        let (parent, name, entry) = try link(at: path, operation)
        guard entry == nil else {
            throw StorageError(operation, path, errno: ErrorNumber.alreadyExists)
        }
        let id = nextSequence()
        files[id] = FileNode()
        change(parent, sequence: id, added: .init(name: name, entry: .file(id)))
        return id
    }

    mutating func createDirectory(_ path: String) throws(StorageError) {
        let canonical = DiskPath.canonical(path)
        guard canonical != "/" else {
            throw StorageError(.createDirectory, path, errno: ErrorNumber.alreadyExists)
        }
        let (parent, name, entry) = try link(at: path, .createDirectory)
        guard entry == nil else {
            throw StorageError(.createDirectory, path, errno: ErrorNumber.alreadyExists)
        }
        let id = nextSequence()
        directories[id] = DirectoryNode(place: .init(parent: parent, name: name))
        directoryIDs[canonical] = id
        change(parent, sequence: id, added: .init(name: name, entry: .directory(id)))
    }

    mutating func unlink(_ path: String) throws(StorageError) {
        let id = try fileID(at: path, .unlink)
        let (parent, name, _) = try link(at: path, .unlink)
        change(parent, sequence: nextSequence(), removed: .init(name: name, entry: .file(id)))
        files[id]?.isLinked = false
    }

    /// Removes a directory that is empty. Who has it open goes on in it and finds nothing.
    mutating func removeDirectory(_ path: String) throws(StorageError) {
        let (parent, name, entry) = try link(at: path, .unlink)
        guard case .directory(let id)? = entry else {
            throw StorageError(
                .unlink, path, errno: entry == nil ? ErrorNumber.notFound : ErrorNumber.notDirectory)
        }
        guard directories[id]?.entries.isEmpty == true else {
            throw StorageError(.unlink, path, errno: ErrorNumber.directoryNotEmpty)
        }
        change(parent, sequence: nextSequence(), removed: .init(name: name, entry: .directory(id)))
        directories[id]?.place = nil
        findPaths()
    }

    /// Of a directory, too; it replaces none.
    mutating func rename(_ from: String, to: String) throws(StorageError) {
        let source = try link(at: from, .rename)
        let target = try link(at: to, .rename)
        guard let entry = source.entry else { throw StorageError(.rename, from, errno: ErrorNumber.notFound) }
        switch (entry, target.entry) {
        case (.file(let id), .file(let replaced)):
            if id == replaced { return }
            files[replaced]?.isLinked = false
        case (_, .directory): throw StorageError(.rename, to, errno: ErrorNumber.isDirectory)
        case (.directory, .file): throw StorageError(.rename, to, errno: ErrorNumber.notDirectory)
        case (.directory(let id), nil):
            guard !isWithin(target.parent, id) else {
                throw StorageError(.rename, to, errno: ErrorNumber.invalidArgument)
            }
            directories[id]?.place = .init(parent: target.parent, name: target.name)
            findPaths()
        case (.file, nil): break
        }
        let removed = DirectoryNode.Link(name: source.name, entry: entry)
        let added = DirectoryNode.Link(name: target.name, entry: entry)
        let sequence = nextSequence()
        if source.parent == target.parent {
            change(source.parent, sequence: sequence, removed: removed, added: added)
        } else {
            change(target.parent, sequence: sequence, added: added)
            change(
                source.parent, sequence: nextSequence(), removed: removed,
                needs: .init(directory: target.parent, sequence: sequence))
        }
    }

    mutating func syncDirectory(_ path: String) throws(StorageError) {
        let id = try directoryID(at: path, .syncDirectory)
        guard !flaws.ignoresDirectorySync, !settlesAtOnce else { return }
        settle(id, through: .max)
        dropUnreachable()
    }

    /// Forgets files that no name, durable or to come, and no handle leads to.
    mutating func dropUnreachable() {
        guard files.values.contains(where: { !$0.isLinked && $0.handles == 0 }) else { return }
        var candidates = Set(files.filter { !$0.value.isLinked && $0.value.handles == 0 }.keys)
        if settlesAtOnce {
            for id in candidates { files[id] = nil }
            return
        }
        for directory in directories.values {
            for case .file(let id) in directory.durable.values { candidates.remove(id) }
            for change in directory.pending {
                if case .file(let id)? = change.added?.entry { candidates.remove(id) }
            }
        }
        for id in candidates { files[id] = nil }
    }

    private mutating func change(
        _ directory: Int, sequence: Int, removed: DirectoryNode.Link? = nil, added: DirectoryNode.Link? = nil,
        needs: DirectoryNode.Arrival? = nil
    ) {
        let change = DirectoryNode.NameChange(sequence: sequence, removed: removed, added: added, needs: needs)
        if settlesAtOnce {
            directories[directory]?.changeThrough(change)
        } else {
            directories[directory]?.change(change)
        }
    }

    /// A departure that becomes durable takes its arrival with it, as a journalling file system does.
    private mutating func settle(_ directory: Int, through sequence: Int) {
        let settled = directories[directory]?.makeDurable(through: sequence) ?? []
        for case let arrival? in settled.map(\.needs) {
            settle(arrival.directory, through: arrival.sequence)
            settleCreation(of: arrival.directory)
        }
    }

    private mutating func settleCreation(of directory: Int) {
        guard let parent = directories[directory]?.place?.parent else { return }
        let creation = directories[parent]?.pending.first { $0.added?.entry == .directory(directory) }
        if let creation { settle(parent, through: creation.sequence) }
        settleCreation(of: parent)
    }
}

extension DiskModel {
    /// Files that some crash can leave reachable, by number.
    var reachableFiles: [(key: Int, value: FileNode)] {
        var reachable: Set<Int> = []
        for directory in directories.values {
            for case .file(let id) in directory.durable.values { reachable.insert(id) }
            for change in directory.pending {
                if case .file(let id)? = change.added?.entry { reachable.insert(id) }
            }
        }
        return files.filter { reachable.contains($0.key) }.sorted { $0.key < $1.key }
    }

    /// Keeps the number of a file or directory taken over from another disk from being given out again.
    mutating func reserve(_ id: Int) {
        sequence = max(sequence, id)
    }
}

extension DiskModel {
    /// The disk once every program on it is gone.
    func withoutHandles() -> DiskModel {
        var result = self
        for id in result.files.keys { result.files[id]?.handles = 0 }
        result.dropUnreachable()
        return result
    }

    /// The disk once everything that programs see is durable.
    func settled() -> DiskModel {
        var result = self
        result.settlesAtOnce = false
        for path in result.directories.keys { result.directories[path]?.settle() }
        for id in result.files.keys { result.files[id]?.sync() }
        result.dropUnreachable()
        return result
    }
}

// MARK: - Where directories lie

extension DiskModel {
    /// The path of a directory as programs see it now; nil once it was removed.
    func path(of directory: Int) -> String? {
        if directory == Self.root { return "/" }
        guard let place = directories[directory]?.place, let parent = path(of: place.parent) else { return nil }
        return DiskPath.join(parent, place.name)
    }

    /// Whether a directory is another one, or lies in it at any depth.
    private func isWithin(_ directory: Int, _ other: Int) -> Bool {
        var current: Int? = directory
        while let id = current {
            if id == other { return true }
            current = directories[id]?.place?.parent
        }
        return false
    }

    /// To be called when directories have moved.
    mutating func findPaths() {
        var found: [String: Int] = [:]
        for id in directories.keys {
            if let path = path(of: id) { found[path] = id }
        }
        directoryIDs = found
    }
}
