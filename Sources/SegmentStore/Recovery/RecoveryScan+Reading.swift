extension RecoveryScan {
    func open(_ index: Int) throws(WalError) -> any StorageFile {
        let path = headers.path(found[index].name)
        return try attempt("open a segment") { () throws(StorageError) in try storage.openSegment(path) }
    }

    func window(
        _ file: any StorageFile, _ header: SegmentHeader, _ index: Int
    ) throws(WalError) -> ByteWindow {
        let size = try attempt("read a segment's size") { () throws(StorageError) in try file.size() }
        return ByteWindow(file, limit: min(size, header.framesLimit), reaching: steadyPath(index))
    }

    /// The path of a segment's file, where nobody else can be shortening it: with a writer at work it may be being sealed.
    private func steadyPath(_ index: Int) -> String? {
        let mayShrink = options.readOnly || writerIsLive || flaws.contains(.trustsShortRead)
        return mayShrink ? nil : headers.path(found[index].name)
    }

    /// What can be known before it is read; a live writer may fill what is a hole now.
    func dataRanges(_ file: any StorageFile, from offset: UInt64) throws(WalError) -> DataRanges? {
        if writerIsLive { return nil }
        return try attempt("look for data in a segment") { () throws(StorageError) in
            try DataRanges(file, from: offset)
        }
    }

    /// A file that ends below what the superblock says is on stable storage has lost durable data.
    func checkLength(_ file: any StorageFile, chain: FrameChain, index: Int) throws(WalError) {
        let size = try attempt("read a segment's size") { () throws(StorageError) in try file.size() }
        guard size < chain.offset else { return }
        let base = found[index].base
        throw WalError(
            .corrupted,
            "the file ends at \(size), below the durable end \(chain.offset) that the superblock records; \(Self.openingAdvice)",
            path: headers.path(found[index].name), offset: size,
            lsns: LSN(base)...LSN(max(base, superblock.watermark.lsn)))
    }

    /// Whether the frame is there after all: a live writer may have finished it since its bytes were read.
    func isWholeNow(
        _ chain: FrameChain, _ file: any StorageFile, _ header: SegmentHeader, _ index: Int
    ) throws(WalError) -> Bool {
        let fresh = try window(file, header, index)
        let check = try attempt("read a segment") { () throws(StorageError) in try chain.check(fresh) }
        if case .whole = check { return true }
        return false
    }

    mutating func survey(
        _ file: any StorageFile, salt: UInt64?, from offset: UInt64, _ index: Int, data: DataRanges? = nil
    ) throws(WalError) -> TailSurvey {
        var survey = TailSurvey(superblock.identity)
        let path = steadyPath(index)
        try attempt("read a segment") { () throws(StorageError) in
            try survey.run(file, salt: salt, from: offset, data: data, reaching: path)
        }
        plan.bytesScanned += survey.bytesRead
        return survey
    }
}
