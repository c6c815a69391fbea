import WalPlatform

/// The folder `checkpoints/`: one file for each, replaced whole or not at all. Reads and writes; knows nothing of an open log.
package struct CheckpointFolder: Sendable {
    package let storage: any Storage
    package let directory: String
    private let flaws: StoreFlaws

    package init(storage: any Storage, directory: String, flaws: StoreFlaws = []) {
        self.storage = storage
        self.directory = directory
        self.flaws = flaws
    }

    private var folder: String { directory + "/" + FileNames.checkpoints }

    package func path(_ name: String) -> String { folder + "/" + FileNames.checkpoint(name) }

    // MARK: Reading

    /// The names of the checkpoints there are, sorted. Files with other names are left alone.
    package func names() throws(WalError) -> [String] {
        try files().compactMap { FileNames.name(ofCheckpoint: $0) }.sorted()
    }

    private func files() throws(WalError) -> [String] {
        do throws(StorageError) {
            return try storage.list(folder)
        } catch {
            // No checkpoint was ever saved.
            if error.isNotFound { return [] }
            throw error.wal("list the checkpoints")
        }
    }

    /// All of a checkpoint. Throws `unknownCheckpoint`, `corrupted`, `foreignFile`, `unsupportedFormat`.
    package func read(_ name: String, identity: LogIdentity) throws(WalError) -> Checkpoint {
        let file = try open(name)
        defer { close(file) }
        let header = try header(of: file, name, identity: identity)
        var state: [UInt8]?
        if let length = header.stateLength {
            let bytes = try attempt("read a checkpoint") { () throws(StorageError) in
                length == 0
                    ? Block(size: 0) : try file.readBlock(at: UInt64(Layout.blockSize), size: length)
            }
            guard let bytes, CheckpointHeader.checksum(of: bytes.bytes) == header.stateChecksum else {
                throw damaged(name, "the stored state fails its checksum")
            }
            state = bytes.bytes
        }
        return Checkpoint(
            name: name, position: header.position, time: EventTime(nanosecondsSince1970: header.time), state: state)
    }

    /// A checkpoint without its state; what is wrong with it is in the answer. Nil if it has gone.
    package func info(_ name: String, identity: LogIdentity) throws(WalError) -> CheckpointInfo? {
        do throws(WalError) {
            let file = try open(name)
            defer { close(file) }
            let header = try header(of: file, name, identity: identity)
            return CheckpointInfo(
                name: name, path: path(name), position: header.position,
                time: EventTime(nanosecondsSince1970: header.time), stateBytes: header.stateLength)
        } catch {
            switch error.code {
            case .unknownCheckpoint: return nil
            case .corrupted, .foreignFile, .unsupportedFormat:
                return CheckpointInfo(name: name, path: path(name), damage: error)
            default: throw error
            }
        }
    }

    /// All checkpoints without their states, sorted by name.
    package func list(identity: LogIdentity) throws(WalError) -> [CheckpointInfo] {
        var list: [CheckpointInfo] = []
        for name in try names() {
            if let info = try info(name, identity: identity) { list.append(info) }
        }
        return list
    }

    /// The newest LSN that a checkpoint shows to have been on stable storage: one is saved only for such.
    ///
    /// A position of an epoch before the newest cut may lie on what was cut, and one of an epoch that the log has not had is
    /// nobody's: neither proves anything, and nor does a damaged file.
    ///
    /// - Parameter newestEpoch: the newest epoch found in the segments, which may be newer than the superblock.
    package func newestDurable(_ superblock: Superblock, newestEpoch: UInt32) throws(WalError) -> UInt64 {
        var newest: UInt64 = 0
        for info in try list(identity: superblock.identity) {
            guard let position = info.position, position.epoch >= superblock.cutEpoch,
                position.epoch <= max(superblock.epoch, newestEpoch)
            else { continue }
            newest = max(newest, position.lsn.rawValue)
        }
        return newest
    }

    /// Makes the names of all checkpoints durable, if there are any.
    package func syncNames() throws(StorageError) {
        do throws(StorageError) {
            try storage.syncDirectory(folder)
        } catch {
            guard error.isNotFound else { throw error }
        }
    }

    private func open(_ name: String) throws(WalError) -> any StorageFile {
        do throws(StorageError) {
            return try storage.open(path(name), .readOnly)
        } catch {
            if error.isNotFound {
                throw WalError(.unknownCheckpoint, "there is no checkpoint \(name)", path: path(name))
            }
            throw error.wal("open a checkpoint")
        }
    }

    private func header(
        of file: any StorageFile, _ name: String, identity: LogIdentity
    ) throws(WalError) -> CheckpointHeader {
        let (block, size) = try attempt("read a checkpoint") { () throws(StorageError) in
            (try file.readBlock(at: 0, size: Layout.blockSize), try file.size())
        }
        guard let block else { throw damaged(name, "the file is too short") }
        let header: CheckpointHeader
        do throws(CheckpointHeader.Failure) {
            header = try CheckpointHeader(block)
        } catch {
            throw judged(error, name)
        }
        guard header.identity == identity else {
            throw WalError(
                .foreignFile,
                "the checkpoint belongs to log \(header.identity), not to \(identity); remove it from this directory",
                path: path(name))
        }
        guard header.name == name else {
            throw damaged(name, "the file holds the checkpoint \(header.name): it was renamed or copied")
        }
        // Before any memory is taken for the state.
        guard size == UInt64(Layout.blockSize + (header.stateLength ?? 0)) else {
            throw damaged(name, "the file has \(size) bytes, not those that it should")
        }
        return header
    }

    private func judged(_ failure: CheckpointHeader.Failure, _ name: String) -> WalError {
        switch failure {
        case .tooShort: damaged(name, "the file is too short")
        case .foreignMagic: damaged(name, "the file is no checkpoint")
        case .damaged: damaged(name, "the header fails its checksum")
        case .impossible(let what): damaged(name, "the header is impossible: \(what)")
        case .unsupportedVersion(let version):
            WalError(
                .unsupportedFormat,
                "the checkpoint has format version \(version); this software reads version \(Layout.version)",
                path: path(name))
        case .unsupportedFeatures(let bits):
            WalError(
                .unsupportedFormat,
                "the checkpoint needs features this software lacks (bits \(String(bits, radix: 16)))",
                path: path(name))
        }
    }

    private func damaged(_ name: String, _ what: String) -> WalError {
        WalError(
            .corrupted, "the checkpoint \(name) is damaged: \(what); save it again, or remove it", path: path(name))
    }

    /// Nothing that was only read is lost by a failed close.
    private func close(_ file: any StorageFile) {
        do { try file.close() } catch {}
    }

    // MARK: Writing

    /// Makes the folder; returns false if it was there. Its name is durable once the log's directory is synced.
    package func make() throws(StorageError) -> Bool {
        do throws(StorageError) {
            try storage.createDirectory(folder)
            return true
        } catch {
            if error.alreadyExists { return false }
            throw error
        }
    }

    /// Puts a checkpoint in the place of the one of its name; durable on return. After an error either may be found.
    package func write(_ header: CheckpointHeader, state: [UInt8]?) throws(WalError) {
        let target = path(header.name)
        let overwrites = flaws.contains(.overwritesCheckpoint)
        let temporary = overwrites ? target : target + FileNames.temporarySuffix
        do throws(StorageError) {
            let file = try storage.createAfresh(temporary)
            do throws(StorageError) {
                try file.write(header.encode(), at: 0)
                if let state, !state.isEmpty {
                    try state.span.bytes.withUnsafeBytes { (bytes) throws(StorageError) in
                        try file.write(at: UInt64(Layout.blockSize), bytes)
                    }
                }
                if !flaws.contains(.checkpointsWithoutSync) { try file.sync() }
            } catch {
                // What matters is why it could not be written; the next one takes the name over.
                do { try file.close() } catch {}
                do { try storage.unlink(temporary) } catch {}
                throw error
            }
            try file.close()
            if !overwrites { try storage.rename(temporary, to: target) }
            if !flaws.contains(.checkpointsWithoutDirectorySync) { try storage.syncDirectory(folder) }
        } catch {
            throw error.wal("save the checkpoint \(header.name)")
        }
    }

    /// Removes a checkpoint, durably.
    package func remove(_ name: String) throws(WalError) {
        do throws(StorageError) {
            try storage.unlink(path(name))
        } catch {
            guard error.isNotFound else { throw error.wal("remove the checkpoint \(name)") }
            // Perhaps since an earlier try, which could not make it durable.
            try syncRemoval(of: name)
            throw WalError(.unknownCheckpoint, "there is no checkpoint \(name)", path: path(name))
        }
        if flaws.contains(.removesCheckpointsWithoutSync) { return }
        try syncRemoval(of: name)
    }

    private func syncRemoval(of name: String) throws(WalError) {
        do throws(StorageError) {
            try storage.syncDirectory(folder)
        } catch {
            // Without a folder there was never any.
            if error.isNotFound { return }
            throw error.wal("remove the checkpoint \(name)")
        }
    }

    /// Removes what a stop left unfinished.
    package func removeLeftovers() throws(WalError) {
        for file in try files() where FileNames.isTemporaryCheckpoint(file) {
            try attempt("remove an unfinished checkpoint") { () throws(StorageError) in
                try storage.unlink(folder + "/" + file)
            }
        }
    }
}
