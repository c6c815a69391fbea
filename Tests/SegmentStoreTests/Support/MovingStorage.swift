import SegmentStore
import Synchronization
import WalPlatform
import WalSimulation

/// A storage on a simulated disk under which, before its n-th call, the log's directory gets another name and another log is put
/// in its place.
final class MovingStorage: Storage {
    static let log = StoreHarness.directory
    static let moved = "/moved"

    private struct State {
        var callsLeft: Int
        var isMoved = false
    }

    private let base: any Storage
    private let disk: SimulatedDisk
    private let other: SimulatedDisk
    private let state: Guarded<State>

    /// - Parameters:
    ///   - other: the log that is put in the place of this one.
    ///   - call: before which call, counted from 1.
    convenience init(_ disk: SimulatedDisk, other: SimulatedDisk, before call: Int) {
        self.init(disk.backend, disk, other, Guarded(State(callsLeft: call)))
    }

    private init(_ base: any Storage, _ disk: SimulatedDisk, _ other: SimulatedDisk, _ state: Guarded<State>) {
        self.base = base
        self.disk = disk
        self.other = other
        self.state = state
    }

    /// Whether it came to that.
    var hasMoved: Bool { state.withLock { $0.callsLeft <= 0 } }

    /// What is not as it was in the log that was put in the other's place; nil if the directory is where it belongs.
    func differencesOfOther() -> [String]? {
        guard state.withLock({ $0.isMoved }) else { return nil }
        let theirs = other.files().filter { $0.hasPrefix(Self.log + "/") }
        let found = disk.files().filter { $0.hasPrefix(Self.log + "/") }
        return Array(Set(theirs).symmetricDifference(found))
            + theirs.filter { disk.contents(of: $0) != other.contents(of: $0) }
    }

    /// Puts the directory back.
    func bringBack() {
        state.withLock { state in
            guard state.isMoved else { return }
            state.isMoved = false
            disk.removeDirectory(Self.log)
            disk.moveDirectory(Self.moved, to: Self.log)
        }
    }

    private func count() {
        let isNow = state.withLock { state in
            state.callsLeft -= 1
            return state.callsLeft == 0
        }
        guard isNow, disk.moveDirectory(Self.log, to: Self.moved) else { return }
        for path in other.files() where path.hasPrefix(Self.log + "/") {
            disk.replaceContents(of: path, with: other.contents(of: path) ?? [])
        }
        state.withLock { $0.isMoved = true }
    }

    func pinned(to path: DirectoryPath, mode: UInt32?, making: Bool) throws(StorageError) -> PinnedStorage {
        // Who opens the path means the log.
        if path.description == Self.log { bringBack() }
        return try base.pinned(to: path, mode: mode, making: making).map { MovingStorage($0, disk, other, state) }
    }

    func names(in directory: String) throws(StorageError) -> DirectoryNames {
        count()
        return try base.names(in: directory)
    }
    func createDirectory(_ path: String) throws(StorageError) {
        count()
        try base.createDirectory(path)
    }
    func create(_ path: String) throws(StorageError) -> any StorageFile {
        count()
        return try base.create(path)
    }
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile {
        count()
        return try base.open(path, access)
    }
    func rename(_ from: String, to: String) throws(StorageError) {
        count()
        try base.rename(from, to: to)
    }
    func unlink(_ path: String) throws(StorageError) {
        count()
        try base.unlink(path)
    }
    func syncDirectory(_ path: String) throws(StorageError) {
        count()
        try base.syncDirectory(path)
    }
    func lock(_ path: String) throws(StorageError) -> any StorageLock {
        count()
        return try base.lock(path)
    }
    func isLocked(_ path: String) throws(StorageError) -> Bool {
        count()
        return try base.isLocked(path)
    }
}
