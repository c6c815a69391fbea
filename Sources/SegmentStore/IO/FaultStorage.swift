package import WalPlatform

/// A storage that passes every call on to another, except those that its plan makes fail.
package struct FaultStorage: Storage {
    private let base: any Storage
    private let plan: FaultPlan

    package init(_ base: any Storage, plan: FaultPlan) {
        self.base = base
        self.plan = plan
    }

    package func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        var pinned = try plan.call(.openDirectory, path.description) { () throws(StorageError) in
            try base.pinned(to: path, mode: mode, making: making)
        }
        pinned.files = FaultStorage(pinned.files, plan: plan)
        pinned.directory = FaultDirectory(pinned.directory, path: path.description, plan: plan)
        return pinned
    }

    package func names(in directory: String) throws(StorageError) -> DirectoryNames {
        try plan.call(.list, directory) { () throws(StorageError) in try base.names(in: directory) }
    }

    package func createDirectory(_ path: String) throws(StorageError) {
        try plan.call(.createDirectory, path) { () throws(StorageError) in try base.createDirectory(path) }
    }

    package func create(_ path: String) throws(StorageError) -> any StorageFile {
        let file = try plan.call(.create, path) { () throws(StorageError) in try base.create(path) }
        return FaultFile(file, path: path, plan: plan)
    }

    package func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        let file = try plan.call(.open, path) { () throws(StorageError) in try base.open(path, access) }
        return FaultFile(file, path: path, plan: plan)
    }

    package func rename(_ from: String, to: String) throws(StorageError) {
        try plan.call(.rename, from, to) { () throws(StorageError) in try base.rename(from, to: to) }
    }

    package func unlink(_ path: String) throws(StorageError) {
        try plan.call(.unlink, path) { () throws(StorageError) in try base.unlink(path) }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        try plan.call(.syncDirectory, path) { () throws(StorageError) in try base.syncDirectory(path) }
    }

    package func lock(_ path: String) throws(StorageError) -> any StorageLock {
        let lock = try plan.call(.lock, path) { () throws(StorageError) in try base.lock(path) }
        return FaultLock(lock, path: path, plan: plan)
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        try plan.call(.lock, path) { () throws(StorageError) in try base.isLocked(path) }
    }
}

/// A file whose calls fail by plan.
private final class FaultFile: StorageFile {
    private let base: any StorageFile
    private let path: String
    private let plan: FaultPlan

    init(_ base: any StorageFile, path: String, plan: FaultPlan) {
        self.base = base
        self.path = path
        self.plan = plan
    }

    func size() throws(StorageError) -> UInt64 {
        try plan.call(.size, path) { () throws(StorageError) in try base.size() }
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        guard let verdict = plan.verdict(.read, [path]) else { return try base.read(at: offset, into: buffer) }
        if verdict.effect == .halfOfRead {
            return try base.read(
                at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(buffer.count / 2)]))
        }
        throw StorageError(.read, path, errno: verdict.errno)
    }

    func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>? {
        try plan.call(.nextData, path) { () throws(StorageError) in try base.nextData(at: offset) }
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        guard let verdict = plan.verdict(.write, [path]) else {
            return try base.write(at: offset, bytes)
        }
        switch verdict.effect {
        case .nothing, .halfOfRead: break
        case .partOfWrite(let byteCount):
            let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(max(0, byteCount)))
            if !part.isEmpty {
                try base.write(at: offset, part)
            }
        case .everything: try base.write(at: offset, bytes)
        }
        throw StorageError(.write, path, errno: verdict.errno)
    }

    func allocate(_ size: UInt64) throws(StorageError) {
        try plan.call(.allocate, path) { () throws(StorageError) in try base.allocate(size) }
    }

    func truncate(_ size: UInt64) throws(StorageError) {
        try plan.call(.truncate, path) { () throws(StorageError) in try base.truncate(size) }
    }

    func sync() throws(StorageError) {
        try plan.call(.sync, path) { () throws(StorageError) in try base.sync() }
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping {
        try plan.call(.map, path) { () throws(StorageError) in try base.map(length: length) }
    }

    func close() throws(StorageError) {
        try plan.closing(path) { () throws(StorageError) in try base.close() }
    }
}

/// A log's directory whose calls fail by plan.
private final class FaultDirectory: StorageDirectory {
    private let base: any StorageDirectory
    private let path: String
    private let plan: FaultPlan

    init(_ base: any StorageDirectory, path: String, plan: FaultPlan) {
        self.base = base
        self.path = path
        self.plan = plan
    }

    func whereabouts() throws(StorageError) -> DirectoryWhereabouts {
        try plan.call(.openDirectory, path) { () throws(StorageError) in try base.whereabouts() }
    }

    func isRemoved() throws(StorageError) -> Bool {
        try plan.call(.openDirectory, path) { () throws(StorageError) in try base.isRemoved() }
    }

    func syncParent() throws(StorageError) {
        try plan.call(.syncDirectory, path + "/..") { () throws(StorageError) in try base.syncParent() }
    }

    func remove() throws(StorageError) {
        try plan.call(.unlink, path) { () throws(StorageError) in try base.remove() }
    }
}

/// A lock whose calls fail by plan.
private final class FaultLock: StorageLock {
    private let base: any StorageLock
    private let path: String
    private let plan: FaultPlan

    init(_ base: any StorageLock, path: String, plan: FaultPlan) {
        self.base = base
        self.path = path
        self.plan = plan
    }

    func isCurrent() throws(StorageError) -> Bool {
        try plan.call(.lock, path) { () throws(StorageError) in try base.isCurrent() }
    }

    var coversDirectory: Bool { base.coversDirectory }

    func release() throws(StorageError) {
        try plan.closing(path) { () throws(StorageError) in try base.release() }
    }

    func withdraw() throws(StorageError) {
        try plan.closing(path) { () throws(StorageError) in try base.withdraw() }
    }
}

extension FaultPlan {
    fileprivate func call<Result>(
        _ operation: StorageError.Operation, _ paths: String..., body: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        guard let verdict = verdict(operation, paths) else { return try body() }
        if verdict.effect == .everything {
            _ = try body()
        }
        throw StorageError(operation, paths.first ?? "", errno: verdict.errno)
    }

    /// A close that fails closes all the same, as the system's does; else faults would leak descriptors and locks.
    fileprivate func closing(_ path: String, body: () throws(StorageError) -> Void) throws(StorageError) {
        let verdict = verdict(.close, [path])
        try body()
        if let verdict {
            throw StorageError(.close, path, errno: verdict.errno)
        }
    }
}
