import SegmentStore
import WalPlatform

/// One change of a simulated disk, as recorded in a trace and done again by the explorer.
enum DiskOperation: Sendable {
    case create(String)
    case createDirectory(String)
    case removeDirectory(String)
    case write(file: Int, offset: Int, bytes: [UInt8])
    case setSize(file: Int, size: Int, allocating: Bool)
    case sync(file: Int)
    case rename(from: String, to: String)
    case unlink(String)
    case syncDirectory(String)
    case replaceContents(String, [UInt8])
    case corrupt(String, offset: Int, mask: UInt8)

    /// Whether it only adds to what a crash may leave: every state possible before it is possible after it.
    var onlyAddsStates: Bool {
        switch self {
        case .create, .createDirectory, .removeDirectory, .write, .setSize, .rename, .unlink: true
        case .sync, .syncDirectory, .replaceContents, .corrupt: false
        }
    }

    /// Whether it only takes from what a crash may leave: every state possible after it was possible before it.
    var onlyRemovesStates: Bool {
        switch self {
        case .sync, .syncDirectory: true
        case .create, .createDirectory, .removeDirectory, .write, .setSize, .rename, .unlink, .replaceContents,
            .corrupt:
            false
        }
    }
}

extension DiskModel {
    /// Does a recorded change again.
    ///
    /// It succeeded once on an equal disk; should it fail, the disk is as before.
    mutating func apply(_ operation: DiskOperation) throws {
        switch operation {
        case .create(let path): _ = try create(path)
        case .createDirectory(let path): try createDirectory(path)
        case .removeDirectory(let path): try removeDirectory(path)
        case .write(let file, let offset, let bytes): bytes.withUnsafeBytes { write(file, at: offset, $0) }
        case .setSize(let file, let size, let allocating): setSize(file, size, allocating: allocating)
        case .sync(let file): sync(file)
        case .rename(let from, let to): try rename(from, to: to)
        case .unlink(let path): try unlink(path)
        case .syncDirectory(let path): try syncDirectory(path)
        case .replaceContents(let path, let bytes): try replaceContents(path, bytes)
        case .corrupt(let path, let offset, let mask): try corrupt(path, at: offset, mask: mask)
        }
    }

    /// Puts a durable file in place, with the directories it needs.
    mutating func replaceContents(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
        guard let (parent, name) = DiskPath.split(DiskPath.canonical(path)) else {
            throw StorageError(.write, path, errno: ErrorNumber.isDirectory)
        }
        let directory = try plantDirectories(parent, for: path)
        let content = FileContent(bytes)
        let node = FileNode(durable: content, allocated: FileNode.roundUp(content.size, to: sectorSize))
        switch directories[directory]?.entries[name] {
        case .directory: throw StorageError(.write, path, errno: ErrorNumber.isDirectory)
        case .file(let old): files[old]?.isLinked = false
        case nil: break
        }
        let id = nextSequence()
        files[id] = node
        // Changes of names still pending must not bring an older file back over this one.
        _ = directories[directory]?.makeDurable(through: .max)
        directories[directory]?.plant(.init(name: name, entry: .file(id)))
        dropUnreachable()
    }

    mutating func corrupt(_ path: String, at offset: Int, mask: UInt8) throws(StorageError) {
        let id = try fileID(at: path, .write)
        guard offset >= 0, let file = files[id], offset < file.content.size else {
            throw StorageError(.write, path, errno: ErrorNumber.invalidArgument)
        }
        files[id]?.corrupt(at: offset, xor: mask, sectorSize: sectorSize)
    }

    /// The directory of a canonical path, made durably with those above it if it is missing.
    private mutating func plantDirectories(_ canonical: String, for path: String) throws(StorageError) -> Int {
        if let id = directoryIDs[canonical] { return id }
        guard let (above, name) = DiskPath.split(canonical) else { return Self.root }
        let parent = try plantDirectories(above, for: path)
        guard directories[parent]?.entries[name] == nil else {
            throw StorageError(.write, path, errno: ErrorNumber.notDirectory)
        }
        let id = nextSequence()
        directories[id] = DirectoryNode(place: .init(parent: parent, name: name))
        directories[parent]?.plant(.init(name: name, entry: .directory(id)))
        findPaths()
        return id
    }
}
