import WalPlatform

/// Makes segment files whole under a temporary name and gives them their own name.
package struct SegmentMaker: Sendable {
    package let storage: any Storage
    package let directory: String
    package let environment: StoreEnvironment
    package let options: StoreOptions

    package init(directory: String, environment: StoreEnvironment, options: StoreOptions) {
        storage = environment.storage
        self.directory = directory
        self.environment = environment
        self.options = options
    }

    /// A header for a segment about to be made.
    package func header(
        identity: LogIdentity, sequence: UInt64, base: UInt64, epoch: UInt32, incarnation: UInt64, watermark: UInt64,
        predecessor: SegmentHeader.Predecessor
    ) -> SegmentHeader {
        var header = SegmentHeader(
            identity: identity, sequence: sequence, firstLSN: base, incarnation: incarnation,
            salt: environment.random(),
            created: environment.now(), segmentSize: options.segmentSize, watermark: watermark, epoch: epoch,
            indexSpacing: options.indexSpacing)
        header.predecessor = predecessor
        return header
    }

    /// Makes an empty segment: written and synced aside, renamed, the directory synced. Replaces a file of that name.
    package func make(_ header: inout SegmentHeader) throws(StorageError) -> any StorageFile {
        let name = FileNames.segment(base: header.firstLSN)
        let temporary = directory + "/" + name + FileNames.temporarySuffix
        let file = try createAfresh(temporary)
        if options.preallocation != .growing { try file.allocate(header.segmentSize) }
        try file.write(header.encode(), at: 0)
        try file.sync()
        try storage.rename(temporary, to: directory + "/" + name)
        if !environment.flaws.contains(.createsWithoutDirectorySync) { try storage.syncDirectory(directory) }
        return file
    }

    /// Replaces a segment by one with a new salt that holds its frames up to `end` alone: no frame behind the cut can ever
    /// come back. `source` is the name of its file now; where that is the compressed one it goes once the new one is durable.
    /// Returns the new file, header and where its frames end.
    package func replace(
        _ original: SegmentHeader, from sourceName: String, upTo end: UInt64
    ) throws(StorageError) -> (file: any StorageFile, header: SegmentHeader, end: Mark, tally: SegmentTally) {
        let name = FileNames.segment(base: original.firstLSN)
        let source = try storage.openSegment(directory + "/" + sourceName)
        let window = ByteWindow(source, limit: end)
        var header = original
        header.salt = environment.random()
        let temporary = directory + "/" + name + FileNames.temporarySuffix
        let file = try createAfresh(temporary)
        if options.preallocation != .growing { try file.allocate(header.segmentSize) }
        try file.write(header.encode(), at: 0)
        var old = FrameChain(original)
        var new = FrameChain(header)
        var tally = SegmentTally(spacing: header.indexSpacing)
        while old.offset < end, case .whole(var frame, let body) = try old.check(window) {
            old.accept(frame)
            let seed = FrameHeader.seed(salt: header.salt, offset: new.offset)
            let copy = UnsafeMutableRawPointer.allocate(byteCount: frame.size, alignment: 8)
            defer { copy.deallocate() }
            copy.copyMemory(from: body - Layout.frameHeaderSize, byteCount: frame.size)
            let copiedBody = copy + Layout.frameHeaderSize
            frame.bodyChecksum = FrameHeader.bodyChecksum(at: copiedBody, length: frame.bodyLength, seed: seed)
            frame.link = new.link ?? header.checksum
            frame.checksum = frame.encode(at: copy, seed: seed)
            try file.write(at: new.offset, UnsafeRawBufferPointer(start: copy, count: frame.size))
            _ = tally.add(frame, at: new.offset, body: copiedBody)
            new.accept(frame)
        }
        // What was whole when the plan was made must be so now: a shorter copy would lose events.
        guard old.offset == end else { throw StorageError(.read, directory + "/" + name, errno: ErrorNumber.io) }
        if !environment.flaws.contains(.replacesWithoutSync) { try file.sync() }
        try storage.rename(temporary, to: directory + "/" + name)
        try storage.syncDirectory(directory)
        try source.close()
        if sourceName != name {
            try storage.unlink(directory + "/" + sourceName)
            try storage.syncDirectory(directory)
        }
        return (file, header, new.mark(in: header.firstLSN), tally)
    }

    /// Creates a temporary file, which an earlier stop or failure may have left.
    package func createAfresh(_ path: String) throws(StorageError) -> any StorageFile {
        do {
            return try storage.create(path)
        } catch  where error.alreadyExists {
            try storage.unlink(path)
            return try storage.create(path)
        }
    }
}
