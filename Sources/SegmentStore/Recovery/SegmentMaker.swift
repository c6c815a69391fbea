import WalPlatform

/// Makes segment files whole under a temporary name and gives them their own name.
package struct SegmentMaker: Sendable {
    package let storage: any Storage
    package let directory: String
    package let environment: StoreEnvironment
    package let options: StoreOptions
    /// Waited for where a large frame is copied; nil where nothing goes on beside it.
    var largeFrames: FairLock?

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
        let file = try storage.createAfresh(temporary)
        if options.preallocation != .growing { try file.allocate(header.segmentSize) }
        try file.write(header.encode(), at: 0)
        try file.sync()
        try storage.rename(temporary, to: directory + "/" + name)
        if !environment.flaws.contains(.createsWithoutDirectorySync) { try storage.syncDirectory(directory) }
        return file
    }

    /// Replaces a segment by one with a new salt that holds its frames up to an event alone. `sourceName` is the name of its
    /// file now; where that is the compressed one it goes once the new one is durable. Returns the new file, header and where
    /// its frames end.
    package func replace(
        _ original: SegmentHeader, from sourceName: String, firstKept: UInt64, through last: UInt64
    ) throws(StorageError) -> Prefix {
        let name = FileNames.segment(base: original.firstLSN)
        let source = try storage.openSegment(directory + "/" + sourceName)
        let copy = try copyPrefix(of: original, from: source, firstKept: firstKept, through: last)
        // What was whole when the plan was made must be so now: a shorter copy would lose events.
        guard copy.end.lsn == max(last, original.firstLSN - 1) else {
            throw StorageError(.read, directory + "/" + name, errno: ErrorNumber.io)
        }
        try storage.rename(copy.temporary, to: copy.target)
        try storage.syncDirectory(directory)
        try source.close()
        if sourceName != name {
            try storage.unlink(directory + "/" + sourceName)
            try storage.syncDirectory(directory)
        }
        return copy
    }
}
