import WalPlatform

extension LogStore {
    /// Closes the descriptors that a forked child has of its parent's log, and does nothing else: the lock is shared with the
    /// parent, and whatever the child wrote would be written into the parent's files.
    ///
    /// A thread that held a lock at the fork does not exist here, and what it was changing is half changed. What such a lock
    /// guards stays open until the child ends or runs another program. Errors concern nobody: the child has written nothing.
    package func closeInForkedChild() {
        var files: [any StorageFile] = []
        _ = catalog.withLockIfFree { catalog in
            for segment in catalog.unsealed + catalog.unsettled { files.append(segment.file) }
            if let active = catalog.active { files.append(active.file) }
        }
        _ = spare.withLockIfFree { spare in
            if let spare { files.append(spare.file) }
        }
        let superblock = syncState.withLockIfFree { $0.file } ?? nil
        var job: CompressionJob?
        if workLock.tryLock() {
            job = worker.job
            worker.scan = nil
            workLock.unlock()
        }
        func dropping(_ close: () throws(StorageError) -> Void) {
            do throws(StorageError) { try close() } catch {}
        }
        for file in files { dropping { () throws(StorageError) in try file.close() } }
        if let superblock { dropping { () throws(StorageError) in try superblock.close() } }
        if let job { dropping { () throws(StorageError) in try job.close() } }
        if let lock { dropping { () throws(StorageError) in try lock.release() } }
    }
}
