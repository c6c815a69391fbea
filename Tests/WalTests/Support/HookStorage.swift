import SegmentStore
import WalPlatform

/// The name that each open file has now; a segment is renamed while it is open.
private final class FileNames: Sendable {
    private let names = Guarded<(next: Int, byNumber: [Int: String])>((0, [:]))

    func add(_ path: String) -> Int {
        names.withLock { names in
            names.next += 1
            names.byNumber[names.next] = path
            return names.next
        }
    }

    func rename(_ from: String, to: String) {
        names.withLock { names in
            for (number, name) in names.byNumber where name == from { names.byNumber[number] = to }
        }
    }

    subscript(number: Int) -> String { names.withLock { $0.byNumber[number] ?? "" } }
}

/// A storage that lets a test look at, hold up or fail every write, sync and the like before it happens.
struct HookStorage: Storage {
    typealias Hook = @Sendable (StorageError.Operation, String) throws(StorageError) -> Void

    let base: any Storage
    let hook: Hook
    private let names: FileNames

    init(base: any Storage, hook: @escaping Hook) {
        self.init(base: base, names: FileNames(), hook: hook)
    }

    private init(base: any Storage, names: FileNames, hook: @escaping Hook) {
        self.base = base
        self.names = names
        self.hook = hook
    }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        try base.pinned(to: path, mode: mode, making: making).map { HookStorage(base: $0, names: names, hook: hook) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames {
        try base.names(in: directory)
    }

    func createDirectory(_ path: String) throws(StorageError) {
        try base.createDirectory(path)
    }

    func create(_ path: String) throws(StorageError) -> any StorageFile {
        try hook(.create, path)
        return HookFile(base: try base.create(path), names: names, number: names.add(path), hook: hook)
    }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        HookFile(base: try base.open(path, access), names: names, number: names.add(path), hook: hook)
    }

    func rename(_ from: String, to: String) throws(StorageError) {
        try hook(.rename, from)
        try base.rename(from, to: to)
        names.rename(from, to: to)
    }

    func unlink(_ path: String) throws(StorageError) {
        try hook(.unlink, path)
        try base.unlink(path)
    }

    func syncDirectory(_ path: String) throws(StorageError) {
        try hook(.syncDirectory, path)
        try base.syncDirectory(path)
    }

    func lock(_ path: String) throws(StorageError) -> any StorageLock {
        try base.lock(path)
    }

    func isLocked(_ path: String) throws(StorageError) -> Bool {
        try base.isLocked(path)
    }
}

private final class HookFile: StorageFile {
    let base: any StorageFile
    let names: FileNames
    let number: Int
    let hook: HookStorage.Hook
    var path: String { names[number] }

    init(base: any StorageFile, names: FileNames, number: Int, hook: @escaping HookStorage.Hook) {
        self.base = base
        self.names = names
        self.number = number
        self.hook = hook
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try hook(.read, path)
        return try base.read(at: offset, into: buffer)
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try hook(.write, path)
        try base.write(at: offset, bytes)
    }

    func allocate(_ size: UInt64) throws(StorageError) {
        try hook(.allocate, path)
        try base.allocate(size)
    }

    func truncate(_ size: UInt64) throws(StorageError) {
        try hook(.truncate, path)
        try base.truncate(size)
    }

    func sync() throws(StorageError) {
        try hook(.sync, path)
        try base.sync()
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }

    func close() throws(StorageError) { try base.close() }
}
