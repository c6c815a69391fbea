/// A log's directory, held by a storage that is pinned to it.
package protocol StorageDirectory: AnyObject, Sendable {
    /// What has become of the path the directory was opened by. To be asked where nothing else is to be done: it takes a look at
    /// the path, and at the directory only if that no longer leads to it.
    func whereabouts() throws(StorageError) -> DirectoryWhereabouts

    /// Whether the directory has been removed. Costs one call, and none on the path.
    func isRemoved() throws(StorageError) -> Bool

    /// Makes the directory's own name durable: syncs the directory it lies in now.
    func syncParent() throws(StorageError)

    /// Removes the directory, if it is empty and its path still leads to it.
    func remove() throws(StorageError)
}

/// What has become of a directory's path since it was opened.
package enum DirectoryWhereabouts: Sendable, Hashable {
    /// It leads to the directory.
    case inPlace
    /// It leads nowhere, or to something that is no log. The directory has another name, or will be given one.
    case elsewhere
    /// It leads to another directory, and there is a log in that.
    case replaced
    /// The directory has been removed: it has no name any more and never will have one.
    case removed
}

/// A storage for the files of one log, with the directory that it holds.
package struct PinnedStorage: Sendable {
    /// Finds every file below the path it was pinned by in the directory that the path led to then, and refuses all others.
    package var files: any Storage
    package var directory: any StorageDirectory
    /// Whether the directory was made for it.
    package var isMade: Bool

    package init(files: any Storage, directory: any StorageDirectory, isMade: Bool) {
        self.files = files
        self.directory = directory
        self.isMade = isMade
    }

    /// The same directory with another storage around that of its files.
    package func map(_ wrap: (any Storage) -> any Storage) -> PinnedStorage {
        PinnedStorage(files: wrap(files), directory: directory, isMade: isMade)
    }
}
