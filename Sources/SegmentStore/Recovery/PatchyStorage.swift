import WalPlatform

/// A storage for reading what a failing medium still gives: where a read fails for the medium, or the file ends before its own
/// size, the pages concerned are left out, and those before and behind them are read.
///
/// Such pages are reported as a damaged block of a compressed segment is; to its reader a compressed file just ends there.
struct PatchyStorage: Storage {
    let base: any Storage
    /// Whether anything could not be read.
    let hasHoles: Guarded<Bool>

    init(base: any Storage, hasHoles: Guarded<Bool> = Guarded(false)) {
        self.base = base
        self.hasHoles = hasHoles
    }

    func pinned(
        to path: DirectoryPath, mode: UInt32?, making: Bool
    ) throws(StorageError) -> PinnedStorage {
        try base.pinned(to: path, mode: mode, making: false).map { PatchyStorage(base: $0, hasHoles: hasHoles) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames { try base.names(in: directory) }

    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        do throws(StorageError) {
            return PatchyFile(try base.open(path, .readOnly), path: path, hasHoles: hasHoles)
        } catch {
            guard error.errno == ErrorNumber.io else { throw error }
            hasHoles.withLock { $0 = true }
            throw StorageError(damaged: 0..<Layout.segmentSizeMax, path)
        }
    }

    func isLocked(_ path: String) throws(StorageError) -> Bool { try base.isLocked(path) }

    // Nothing here is ever changed.
    func createDirectory(_ path: String) throws(StorageError) { throw refusal(.createDirectory, path) }
    func create(_ path: String) throws(StorageError) -> any StorageFile { throw refusal(.create, path) }
    func rename(_ from: String, to: String) throws(StorageError) { throw refusal(.rename, from) }
    func unlink(_ path: String) throws(StorageError) { throw refusal(.unlink, path) }
    func syncDirectory(_ path: String) throws(StorageError) { throw refusal(.syncDirectory, path) }
    func lock(_ path: String) throws(StorageError) -> any StorageLock { throw refusal(.lock, path) }

    private func refusal(_ operation: StorageError.Operation, _ path: String) -> StorageError {
        StorageError(operation, path, errno: ErrorNumber.readOnlyFileSystem)
    }
}

private final class PatchyFile: StorageFile {
    private static let page = 4096

    private let base: any StorageFile
    private let path: String
    private let hasHoles: Guarded<Bool>

    init(_ base: any StorageFile, path: String, hasHoles: Guarded<Bool>) {
        self.base = base
        self.path = path
        self.hasHoles = hasHoles
    }

    func size() throws(StorageError) -> UInt64 {
        do throws(StorageError) {
            return try base.size()
        } catch {
            guard error.errno == ErrorNumber.io else { throw error }
            hasHoles.withLock { $0 = true }
            throw StorageError(damaged: 0..<Layout.segmentSizeMax, path)
        }
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        let end = offset + UInt64(min(buffer.count, Int(clamping: max(try size(), offset) - offset)))
        let wanted = Int(end - offset)
        if try readable(at: offset, UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])) { return wanted }
        var done = 0
        while done < wanted {
            let place = Int(clamping: offset) + done
            let count = min(wanted - done, Self.page - place % Self.page)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
            guard try readable(at: UInt64(place), part) else {
                hasHoles.withLock { $0 = true }
                if done > 0 || FileNames.isCompressed(path) { return done }
                let start = UInt64(place / Self.page * Self.page)
                throw StorageError(damaged: start..<start + UInt64(Self.page), path)
            }
            done += count
        }
        return done
    }

    /// Whether the buffer could be filled.
    private func readable(
        at offset: UInt64, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Bool {
        do throws(StorageError) {
            return try base.read(at: offset, into: buffer) == buffer.count
        } catch {
            guard error.errno == ErrorNumber.io else { throw error }
            return false
        }
    }

    func close() throws(StorageError) { try base.close() }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { throw refusal(.write) }
    func allocate(_ size: UInt64) throws(StorageError) { throw refusal(.allocate) }
    func truncate(_ size: UInt64) throws(StorageError) { throw refusal(.truncate) }
    func sync() throws(StorageError) { throw refusal(.sync) }
    func map(length: Int) throws(StorageError) -> any StorageMapping { throw refusal(.map) }

    private func refusal(_ operation: StorageError.Operation) -> StorageError {
        StorageError(operation, path, errno: ErrorNumber.readOnlyFileSystem)
    }
}
