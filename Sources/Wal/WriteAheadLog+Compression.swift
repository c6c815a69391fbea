extension WriteAheadLog {
    /// Compresses every segment but the active one that is not yet compressed, whatever ``Options/compression`` says of which;
    /// seals those that are not sealed yet.
    ///
    /// Works on the calling thread and blocks for as long as it takes. Appends, reads, truncation and the log's own maintenance go
    /// on meanwhile and don't wait for it; closing the log waits for the block under way. Each segment is written aside, read back and compared before it replaces the raw file; readers
    /// inside the raw one may finish it. One that would hardly shrink is left as it is. May be called from several threads.
    ///
    /// - Parameters:
    ///   - compression: level, block size and dictionary, and which of the newest to leave out; nil for those of the options,
    ///     or the defaults of ``Compression/zstd(level:segments:blockSize:dictionarySize:)`` where they have none, and all.
    ///   - progress: called after each slice, on the calling thread, with the bytes done and in all; each byte counts twice, once
    ///     for compressing it and once for reading it back.
    /// - Returns: what was compressed.
    /// - Throws: `invalidOption`; `diskFull`, `corrupted` or `io` of the first segment that could not be compressed, after all
    ///   others were; `failed`, `closed`, `readOnly`.
    @discardableResult
    public func compress(
        _ compression: Compression? = nil, progress: ((UInt64, UInt64) -> Void)? = nil
    ) throws(WalError) -> CompressionReport {
        var settings = core.options.compression
        settings.segments = .allSealed
        if let compression { settings = compression }
        if !settings.isOn { settings = .zstd(blockSize: max(settings.blockSize, core.options.indexSpacing)) }
        try settings.validate(indexSpacing: core.options.indexSpacing)
        let core = self.core
        try core.checkAlive()
        do throws(WalError) {
            // What can't be sealed now the background tries again; that must not keep the others from being compressed.
            do throws(WalError) {
                while try core.store.sealNow() {}
            } catch {
                if core.store.failure != nil { throw error }
            }
            core.durableMovedElsewhere()
            var pass = try core.store.beginCompression(settings)
            while true {
                try core.checkAlive()
                guard try core.store.continueCompression(&pass) else { break }
                progress?(pass.progress.done, pass.progress.total)
            }
            progress?(pass.progress.total, pass.progress.total)
            return try core.store.endCompression(pass)
        } catch {
            if let cause = core.store.failure { throw core.committer.fail(cause) }
            throw error
        }
    }

    /// Compresses on a thread of its own, suspending meanwhile; see the synchronous form.
    ///
    /// - Parameters:
    ///   - compression: level, block size and dictionary; nil for those of the options.
    ///   - progress: called after each slice, on that thread, with the bytes done and in all.
    /// - Returns: what was compressed.
    /// - Throws: as the synchronous form, and `noThread`.
    @discardableResult
    public func compress(
        _ compression: Compression? = nil, progress: (@Sendable (UInt64, UInt64) -> Void)? = nil
    ) async throws(WalError) -> CompressionReport {
        try await onThread { () throws(WalError) in try self.compress(compression, progress: progress) }
    }
}
