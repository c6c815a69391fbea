import SegmentStore

extension SimulatedDisk {
    /// The paths of all files, sorted.
    public func files() -> [String] {
        withState { $0.model.linkedFiles.map(\.path) }
    }

    /// The bytes of a file as programs see them now; `nil` if there is no such file.
    public func contents(of path: String) -> [UInt8]? {
        withState { state in
            guard let id = try? state.model.fileID(at: path, .open) else { return nil }
            return state.model.files[id]?.content.bytes
        }
    }

    /// Puts a file in place as if it had always been there, durable, with the directories above it.
    ///
    /// - Returns: False if the path is a directory, or lies under a file.
    @discardableResult
    public func replaceContents(of path: String, with bytes: [UInt8]) -> Bool {
        withState { $0.perform(.replaceContents(path, bytes)) }
    }

    /// Gives a directory another name, as somebody does beside the programs that have it open: they go on in it.
    ///
    /// - Parameters:
    ///   - path: An existing directory.
    ///   - newPath: A path that is free; the directory above it exists.
    /// - Returns: False if it can't be done.
    @discardableResult
    public func moveDirectory(_ path: String, to newPath: String) -> Bool {
        withState { state in
            guard (try? state.model.directoryID(at: path, .rename)) != nil else { return false }
            return state.perform(.rename(from: path, to: newPath))
        }
    }

    /// Removes a directory with all that is in it. Programs that have it open keep the files they have open, and find no others.
    ///
    /// - Parameter path: An existing directory; not the root.
    /// - Returns: False if it can't be done.
    @discardableResult
    public func removeDirectory(_ path: String) -> Bool {
        withState { $0.removeTree(DiskPath.canonical(path)) }
    }

    /// Damages a byte at rest: it changes in what programs see and in what is durable, without a write.
    ///
    /// - Parameters:
    ///   - path: An existing file.
    ///   - offset: Which byte.
    ///   - mask: The bits to flip in it.
    /// - Returns: False if there is no such byte.
    @discardableResult
    public func corrupt(_ path: String, at offset: Int, xor mask: UInt8) -> Bool {
        withState { $0.perform(.corrupt(path, offset: offset, mask: mask)) }
    }

    /// What programs see of all files now, to be compared with what they see later.
    package func snapshot() -> DiskSnapshot {
        withState { state in
            var files: [String: FileContent] = [:]
            for (path, id) in state.model.linkedFiles { files[path] = state.model.files[id]?.content }
            return DiskSnapshot(files: files)
        }
    }

    /// A digest of all names, sizes and bytes as programs see them now.
    ///
    /// Reads everything.
    public func fingerprint() -> DiskFingerprint {
        let model = withState { $0.model }
        var result = DiskFingerprint()
        for path in model.directoryIDs.keys.sorted() { result.combine(path) }
        for (path, id) in model.linkedFiles {
            guard let content = model.files[id]?.content else { continue }
            result.combine(path)
            result.combine(UInt64(content.size))
            for page in content.pages { page.withUnsafeBytes { result.combine($0) } }
        }
        return result
    }
}

extension SimulatedDisk.State {
    /// Does a change and records it; false if it can't be done.
    mutating func perform(_ operation: DiskOperation) -> Bool {
        do {
            try model.apply(operation)
        } catch {
            return false
        }
        record(operation)
        return true
    }

    /// Removes a directory, and first all that is in it.
    mutating func removeTree(_ path: String) -> Bool {
        guard path != "/", let directory = try? model.directory(path, .unlink) else { return false }
        for (name, entry) in directory.entries.sorted(by: { $0.key < $1.key }) {
            let below = DiskPath.join(path, name)
            switch entry {
            case .file: guard perform(.unlink(below)) else { return false }
            case .directory: guard removeTree(below) else { return false }
            }
        }
        return perform(.removeDirectory(path))
    }

    mutating func record(_ operation: @autoclosure () -> DiskOperation) {
        if recording != nil { recording?.events.append(.operation(operation())) }
    }
}

extension DiskModel {
    /// Path and number of every file programs see, by path.
    var linkedFiles: [(path: String, id: Int)] {
        var result: [(path: String, id: Int)] = []
        for (path, id) in directoryIDs {
            for (name, entry) in directories[id]?.entries ?? [:] {
                if case .file(let id) = entry { result.append((DiskPath.join(path, name), id)) }
            }
        }
        return result.sorted { $0.path < $1.path }
    }
}
