import WalPlatform

/// Reads the header blocks of segment files and says what is wrong with them.
package struct HeaderReader: Sendable {
    package let storage: any Storage
    package let directory: String

    package init(storage: any Storage, directory: String) {
        self.storage = storage
        self.directory = directory
    }

    /// What a header block says.
    package enum Finding: Sendable {
        case intact(SegmentHeader)
        /// Nothing was ever written there, or not all of it.
        case absent
        /// Damaged: the checksum does not hold.
        case damaged(String)
    }

    package func path(_ name: String) -> String { directory + "/" + name }

    /// Reads the header of a file of this directory. A file that this software must not touch is an error at once.
    package func read(_ name: String, identity: LogIdentity?) throws(WalError) -> Finding {
        let path = path(name)
        let file: any StorageFile
        do throws(StorageError) {
            file = try storage.openSegment(path)
        } catch {
            guard error.damage != nil else { throw error.wal("open a segment") }
            return .damaged("no block of the compressed segment can be read")
        }
        defer { close(file) }
        return try read(file, path: path, identity: identity)
    }

    /// Throws if a file is another log's, or of a format from the future: it is not to be touched. A damaged one is not.
    package func refuseForeign(_ name: String, identity: LogIdentity?) throws(WalError) {
        do throws(WalError) {
            _ = try read(name, identity: identity)
        } catch {
            guard error.code == .corrupted else { throw error }
        }
    }

    /// Opens a segment of the catalogue for reading. Its file may be compressed at any moment, here or by another process, so a
    /// name that is gone is looked for under its other one.
    package func open(_ segment: Segment) throws(StorageError) -> any StorageFile {
        var isCompressed = segment.info.withLock { $0.isCompressed }
        for _ in 0..<3 {
            do throws(StorageError) {
                let file = try storage.openSegment(segment.path(isCompressed: isCompressed))
                if isCompressed {
                    segment.info.withLock { info in
                        guard !info.isCompressed else { return }
                        info.isCompressed = true
                        info.fileSize = nil
                    }
                }
                return file
            } catch {
                guard error.isNotFound else { throw error }
                isCompressed.toggle()
            }
        }
        return try storage.openSegment(segment.path)
    }

    /// Reads the header of a segment of the catalogue.
    package func read(_ segment: Segment, identity: LogIdentity?) throws(WalError) -> Finding {
        let file: any StorageFile
        do throws(StorageError) {
            file = try open(segment)
        } catch {
            guard error.damage != nil else { throw error.wal("open a segment") }
            return .damaged("no block of the compressed segment can be read")
        }
        defer { close(file) }
        return try read(file, path: segment.path, identity: identity)
    }

    /// Reads the header of an open file.
    package func read(_ file: any StorageFile, path: String, identity: LogIdentity?) throws(WalError) -> Finding {
        let block: Block?
        do throws(StorageError) {
            block = try file.readBlock(at: 0, size: Layout.blockSize)
            // A file that ends before its own size tells nothing of what is in it.
            if block == nil, try file.size() >= UInt64(Layout.blockSize) {
                throw StorageError(.read, path, errno: ErrorNumber.io)
            }
        } catch {
            guard error.damage != nil else { throw error.wal("read a segment's header") }
            return .damaged("the compressed block that holds the header is damaged")
        }
        guard let block, !block.isZero else { return .absent }
        let header: SegmentHeader
        do throws(SegmentHeader.Failure) {
            header = try SegmentHeader(block)
        } catch {
            return try judge(error, block, file, path, identity)
        }
        if let identity, header.identity != identity {
            throw WalError(
                .foreignFile,
                "the segment belongs to log \(header.identity), not to \(identity); remove it from this directory",
                path: path)
        }
        return .intact(header)
    }

    private func judge(
        _ failure: SegmentHeader.Failure, _ block: Block, _ file: any StorageFile, _ path: String,
        _ identity: LogIdentity?
    ) throws(WalError) -> Finding {
        switch failure {
        case .tooShort: return .absent
        case .damaged: return .damaged("the header block fails its checksum")
        case .impossible(let what): return .damaged("the header block is impossible: \(what)")
        case .foreignMagic:
            // A damaged magic before an otherwise intact header is damage; anything else is not ours to judge.
            var mended = block
            mended.store(SegmentHeader.magic, at: 0)
            if (try? SegmentHeader(mended)) != nil { return .damaged("the magic number is damaged") }
            // The footer of a sealed segment knows better.
            if let identity, try footer(file)?.identity == identity {
                return .damaged("the header block is overwritten")
            }
            throw WalError(
                .foreignFile,
                "the file does not begin like a segment; if it is not this log's, move it away; if it is, its beginning was overwritten, and a salvage reads what is left",
                path: path)
        case .unsupportedVersion(let version):
            throw WalError(
                .unsupportedFormat,
                "the segment has format version \(version); this software reads version \(Layout.version)",
                path: path)
        case .unsupportedFeatures(let bits):
            throw WalError(
                .unsupportedFormat, "the segment needs features this software lacks (bits \(String(bits, radix: 16)))",
                path: path)
        }
    }

    /// Reads the footer at the end of an open file; nil if there is none that holds.
    package func footer(_ file: any StorageFile) throws(WalError) -> SegmentFooter? {
        do throws(StorageError) {
            return try footerBlock(file)
        } catch {
            guard error.damage != nil else { throw error.wal("read a segment's footer") }
            return nil
        }
    }

    func footerBlock(_ file: any StorageFile) throws(StorageError) -> SegmentFooter? {
        let size = try file.size()
        guard size >= UInt64(Layout.blockSize + Layout.footerSize) else { return nil }
        let offset = size - UInt64(Layout.footerSize)
        guard let block = try file.readBlock(at: offset, size: Layout.footerSize) else { return nil }
        return SegmentFooter(block, offset: offset)
    }

    /// Whether the file ends in a footer of this segment: a footer-shaped payload at the end of a file is none.
    package func hasFooter(_ file: any StorageFile, identity: LogIdentity, sequence: UInt64) throws(WalError) -> Bool {
        guard let footer = try footer(file) else { return false }
        return footer.identity == identity && footer.sequence == sequence
    }

    /// What the two slots of the superblock say now.
    package func superblock() throws(WalError) -> SuperblockFile.Content {
        try attempt("read the superblock") { () throws(StorageError) in
            let file = try storage.open(path(FileNames.superblock), .readOnly)
            let content = try SuperblockFile.read(file)
            try file.close()
            return content
        }
    }

    /// Whether a segment whose file is gone was truncated away, here or by another process: the low mark says so.
    package func isTruncatedAway(_ segment: Segment) throws(WalError) -> Bool {
        if segment.info.withLock({ $0.isRemoved }) { return true }
        let content = try settledSuperblock()
        guard case .found(let superblock, _, _) = content else { return false }
        return segment.sequence < superblock.firstSequence
    }

    /// Closes a file that was only read: there is nothing that a failure could lose.
    package func close(_ file: any StorageFile) {
        do { try file.close() } catch {}
    }
}
