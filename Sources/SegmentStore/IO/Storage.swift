package import WalPlatform

/// The seam: everything the store asks of a disk goes through these two protocols, so that a simulated disk can stand in
/// for a real one and a fault layer for a broken one.
///
/// Paths are plain strings (a directory, a slash, a name). No call is made per event: one `write` per group.
/// Implementations are safe to call from any thread.
package protocol Storage: Sendable {
    /// The same storage for the files of one log. The path is followed once, here, and the directory it leads to is held: from then
    /// on paths below it mean the files of that directory whatever becomes of the path, no link within it is followed, and
    /// all other paths are refused. Throws `.notFound` if there is no directory.
    ///
    /// New files get the permissions of `mode`; of nil, those of the log's superblock, or the owner's alone if there is none.
    ///
    /// - Parameter making: whether to make the directory if it is missing.
    func pinned(to path: DirectoryPath, mode: UInt32?, making: Bool) throws(StorageError) -> PinnedStorage

    /// The names in a directory, in no particular order, without "." and "..".
    func names(in directory: String) throws(StorageError) -> DirectoryNames

    /// Makes one directory; throws `.alreadyExists` if the name is taken.
    func createDirectory(_ path: String) throws(StorageError)

    /// Makes a new, empty file open for reading and writing; throws `.alreadyExists` if the name is taken.
    func create(_ path: String) throws(StorageError) -> any StorageFile

    /// Opens an existing file; throws `.notFound` if there is none.
    func open(_ path: String, _ access: StorageAccess) throws(StorageError) -> any StorageFile

    /// Gives a file another name, replacing what had it. Durable only after `syncDirectory` of both parents.
    func rename(_ from: String, to: String) throws(StorageError)

    /// Removes a name. Open files and mappings stay readable. Durable only after `syncDirectory`.
    func unlink(_ path: String) throws(StorageError)

    /// Makes every create, rename and unlink in the directory durable.
    func syncDirectory(_ path: String) throws(StorageError)

    /// Takes the exclusive lock on a file, making the file if it is missing; throws `.wouldBlock` if another holder has it. A pinned
    /// storage takes that on its directory, too, before it looks at the file.
    func lock(_ path: String) throws(StorageError) -> any StorageLock

    /// Whether some holder has the exclusive lock on the file, or on the directory of a pinned storage, now.
    func isLocked(_ path: String) throws(StorageError) -> Bool
}

extension Storage {
    /// The names in a directory as strings, in no particular order, without "." and "..".
    package func list(_ directory: String) throws(StorageError) -> [String] {
        try names(in: directory).strings
    }

    /// Makes a new, empty file in the place of one that an earlier stop or failure may have left.
    package func createAfresh(_ path: String) throws(StorageError) -> any StorageFile {
        do {
            return try create(path)
        } catch  where error.alreadyExists {
            try unlink(path)
            return try create(path)
        }
    }
}

/// How a file is opened.
package enum StorageAccess: Sendable {
    case readOnly
    case readWrite
}

/// An open file. Safe to use from several threads; `close` waits for nobody and must come last.
package protocol StorageFile: AnyObject, Sendable {
    /// The size in bytes.
    func size() throws(StorageError) -> UInt64

    /// Reads until `buffer` is full or the file ends; returns how many bytes were read.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int

    /// The next bytes, from `offset` on, that may be other than zero: what lies before them, or behind `offset` if there are
    /// none, reads as zeros. May call zeros data, never data zeros.
    func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>?

    /// Writes all of `bytes`. On an error any part of them may have been written.
    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError)

    /// Reserves space up to `size` and extends the file to it; new bytes read as zeros. Falls back to extending alone
    /// where the file system can't reserve. Never shortens.
    func allocate(_ size: UInt64) throws(StorageError)

    /// Sets the size; bytes gained read as zeros.
    func truncate(_ size: UInt64) throws(StorageError)

    /// Makes data and size durable (fdatasync; F_FULLFSYNC on Apple systems). Never retried by anyone after an error.
    func sync() throws(StorageError)

    /// Maps the first `length` bytes for reading. `length` must not exceed the size.
    func map(length: Int) throws(StorageError) -> any StorageMapping

    /// Closes the file. Idempotent; calls after it throw `.badDescriptor`.
    func close() throws(StorageError)
}

extension StorageFile {
    /// Where nothing is known of holes, all is data.
    package func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>? {
        let size = try size()
        return offset < size ? offset..<size : nil
    }
}

/// A read-only view of the start of a file, valid as long as the object lives, whatever becomes of the name.
package protocol StorageMapping: AnyObject, Sendable {
    /// The mapped bytes.
    var bytes: UnsafeRawBufferPointer { get }

    /// Brings a range into memory ahead of its use; a hint, cheap if it is there already.
    func willNeed(_ range: Range<Int>)
}

/// A held directory lock; released by `release` or when the object goes.
package protocol StorageLock: AnyObject, Sendable {
    /// Whether the lock is also one on the log's directory, which removing or replacing the file doesn't break.
    var coversDirectory: Bool { get }

    /// Whether the locked file is still the one its path names.
    func isCurrent() throws(StorageError) -> Bool

    /// Releases the lock. Idempotent.
    func release() throws(StorageError)

    /// Releases the lock, and removes the file if it was made for it: as if nobody had ever taken it.
    func withdraw() throws(StorageError)
}
