import WalPlatform

/// A file that several readers hold open through one descriptor; closed when the last of them has let go of it.
final class SharedFile: StorageFile {
    let segment: Segment
    private let base: any StorageFile

    init(_ base: any StorageFile, of segment: Segment) {
        self.base = base
        self.segment = segment
    }

    deinit {
        // Read only: a failed close can lose nothing.
        do { try base.close() } catch {}
    }

    func size() throws(StorageError) -> UInt64 { try base.size() }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try base.read(at: offset, into: buffer)
    }

    func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>? { try base.nextData(at: offset) }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try base.write(at: offset, bytes)
    }

    func allocate(_ size: UInt64) throws(StorageError) { try base.allocate(size) }
    func truncate(_ size: UInt64) throws(StorageError) { try base.truncate(size) }
    func sync() throws(StorageError) { try base.sync() }
    func map(length: Int) throws(StorageError) -> any StorageMapping { try base.map(length: length) }

    /// One of several has done with it.
    func close() throws(StorageError) {}
}

/// The raw segments that followers have open: however many they are, they take one descriptor for each segment.
final class SharedFiles: Sendable {
    private struct Entry {
        weak var file: SharedFile?
    }

    /// Those that are open; held during an open, so that no two are made at once.
    private let entries = FairlyGuarded<[Entry]>([])

    /// The file of a segment, opened by `open` if nobody has it open. One that is not raw is given back as it is.
    func open(
        _ segment: Segment, _ open: () throws(StorageError) -> any StorageFile
    ) throws(StorageError) -> any StorageFile {
        try entries.withLock { (entries) throws(StorageError) -> any StorageFile in
            entries.removeAll { $0.file == nil }
            // Of a segment that was compressed meanwhile the raw file holds the same; a cut makes another object of it.
            for entry in entries {
                if let file = entry.file, file.segment === segment { return file }
            }
            let file = try open()
            if file is CompressedSegmentFile { return file }
            let shared = SharedFile(file, of: segment)
            entries.append(Entry(file: shared))
            return shared
        }
    }
}
