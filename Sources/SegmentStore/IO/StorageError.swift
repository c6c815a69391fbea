/// A failed call on the storage seam: which call, on which path, and the system's error number.
package struct StorageError: Error, Sendable, Hashable {
    /// The calls of the seam, for messages and for aiming injected faults.
    package enum Operation: String, Sendable, Hashable, CaseIterable {
        case list, createDirectory, create, open, size, read, write, allocate, truncate, sync, syncDirectory
        case rename, unlink, lock, map, close
    }

    package var operation: Operation
    package var path: String
    package var errno: CInt

    package init(_ operation: Operation, _ path: String, errno: CInt) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }
}
