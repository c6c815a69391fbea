import Synchronization
import WalPlatform

/// What the store remembers of compressing between two steps. Under its lock, which comes before all other locks of the store.
struct CompressionState {
    var job: CompressionJob?
    /// Nothing is due until another segment is sealed.
    var isIdle = false
}

/// Compressing all that can be, on request.
package struct CompressionPass {
    let settings: Compression
    let segments: [Segment]
    var position = 0
    var hasBegun = false
    var failure: WalError?
    /// Raw bytes done and in all; each counts twice, once for packing it and once for reading it back.
    package var progress: (done: UInt64, total: UInt64)
    private var finished: UInt64 = 0

    init(_ settings: Compression, _ segments: [Segment], sizes: [UInt64]) {
        self.settings = settings
        self.segments = segments
        progress = (0, 2 * sizes.reduce(0, +))
    }

    mutating func note(_ job: CompressionJob?) {
        if let job { progress.done = min(finished + job.progress, progress.total) }
    }

    mutating func next() {
        finished = progress.done
        position += 1
        hasBegun = false
    }
}

extension LogStore {
    // MARK: By policy

    /// Does the next slice of what the policy wants compressed; false if nothing is due.
    func compressByPolicy() throws(WalError) -> Bool {
        guard options.compression.isOn else { return false }
        return try advanceCompression(options.compression) { state in
            guard !state.isIdle else { return nil }
            let next = nextByPolicy()
            state.isIdle = next == nil
            return next
        }
    }

    /// A segment was sealed: there may be something to compress.
    func compressionIsDue() {
        compression.withLock { $0.isIdle = false }
    }

    private func nextByPolicy() -> Segment? {
        candidates(options.compression).first { segment in
            segment.info.withLock { !$0.isCompressed && $0.staysRaw == nil }
        }
    }

    /// The sealed segments that the settings don't leave out, oldest first.
    private func candidates(_ settings: Compression) -> ArraySlice<Segment> {
        let sealed = catalog.withLock { $0.segments }.filter { segment in
            segment.info.withLock { $0.state == .sealed && !$0.isRemoved }
        }
        guard case .allButNewest(let count) = settings.segments else { return sealed[...] }
        return sealed.dropLast(count)
    }

    // MARK: On request

    /// Begins to compress the segments that are sealed and raw now, but for as many of the newest as the settings leave out.
    package func beginCompression(_ settings: Compression) throws(WalError) -> CompressionPass {
        try checkUsable()
        try settings.validate(indexSpacing: 0)
        let segments = candidates(settings).filter { segment in segment.info.withLock { !$0.isCompressed } }
        let sizes = segments.map { segment in segment.info.withLock { $0.rawSize } ?? options.segmentSize }
        return CompressionPass(settings, Array(segments), sizes: sizes)
    }

    /// Does the next slice; false when all is done. An error of one segment does not keep the others from it.
    package func continueCompression(_ pass: inout CompressionPass) throws(WalError) -> Bool {
        try checkUsable()
        if syncState.withLock({ $0.isClosed }) { throw WalError(.closed, "the log is closed", path: directory) }
        let hasJob = compression.withLock { $0.job != nil }
        while !hasJob, pass.position < pass.segments.count,
            pass.hasBegun || !isCompressible(pass.segments[pass.position])
        {
            pass.next()
        }
        guard hasJob || pass.position < pass.segments.count else { return false }
        do throws(WalError) {
            // Whatever is under way, by policy or another pass, is finished first.
            let next = hasJob ? nil : pass.segments[pass.position]
            if next != nil { pass.hasBegun = true }
            _ = try advanceCompression(pass.settings) { _ in next }
        } catch {
            if failure != nil { throw error }
            pass.failure = pass.failure ?? error
        }
        compression.withLock { pass.note($0.job) }
        return true
    }

    /// What has become of the segments of a pass; throws what went wrong with the first that could not be compressed.
    package func endCompression(_ pass: CompressionPass) throws(WalError) -> CompressionReport {
        if let failure = pass.failure { throw failure }
        var report = CompressionReport()
        for segment in pass.segments {
            let info = segment.info.withLock { $0 }
            if info.isCompressed {
                report.compressedCount += 1
                report.rawBytes += info.rawSize ?? 0
                report.fileBytes += info.fileSize ?? 0
            } else if info.staysRaw == .incompressible {
                report.incompressibleCount += 1
            }
        }
        return report
    }

    // MARK: One slice

    /// Goes on with the segment under way, or begins with another; false if there is none.
    private func advanceCompression(
        _ settings: Compression, choose: (inout CompressionState) -> Segment?
    ) throws(WalError) -> Bool {
        var event: StoreEvent?
        let hasWorked = try compression.withLock { (state) throws(WalError) -> Bool in
            if let job = state.job {
                event = try advance(job, &state)
                return true
            }
            guard let segment = choose(&state) else { return false }
            do throws(WalError) {
                state.job = try CompressionJob(segment, settings, self)
            } catch {
                segment.info.withLock { $0.staysRaw = .failed }
                throw error
            }
            return true
        }
        if let event { environment.notify(event) }
        return hasWorked
    }

    private func advance(_ job: CompressionJob, _ state: inout CompressionState) throws(WalError) -> StoreEvent? {
        let publishesAnything = environment.flaws.contains(.publishesRemovedSegment)
        guard isCompressible(job.segment) || publishesAnything else {
            // Truncated away or replaced meanwhile.
            state.job = nil
            try attempt("give up compressing a segment") { () throws(StorageError) in try job.discard() }
            return nil
        }
        do throws(WalError) {
            switch try job.step() {
            case .more: return nil
            case .incompressible:
                job.segment.info.withLock { $0.staysRaw = .incompressible }
                state.job = nil
                try attempt("give up compressing a segment") { () throws(StorageError) in try job.discard() }
                return nil
            case .finished:
                let event = try publish(job)
                state.job = nil
                return event
            }
        } catch {
            // Not again while the log is open, unless somebody asks for it: it would most likely fail the same way.
            job.segment.info.withLock { if !$0.isCompressed { $0.staysRaw = $0.staysRaw ?? .failed } }
            if state.job != nil {
                state.job = nil
                // The cause is what counts; what is left of the file aside goes at the next open.
                do throws(StorageError) { try job.discard() } catch {}
            }
            throw error
        }
    }

    /// Whether it is still the catalogued one, sealed and raw.
    private func isCompressible(_ segment: Segment) -> Bool {
        catalog.withLock { isCompressible(segment, in: $0) }
    }

    private func isCompressible(_ segment: Segment, in catalog: Catalog) -> Bool {
        guard let position = catalog.position(of: segment.base), catalog.segments[position] === segment else {
            return false
        }
        return segment.info.withLock { $0.state == .sealed && !$0.isRemoved && !$0.isCompressed }
    }

    // MARK: Publishing

    /// Gives the compressed file its name, has readers take it, and removes the raw one. The raw file stays until the new name is on
    /// stable storage, so at any moment one of the two is there whole.
    private func publish(_ job: CompressionJob) throws(WalError) -> StoreEvent? {
        let segment = job.segment
        let (raw, target) = (segment.path(isCompressed: false), segment.path(isCompressed: true))
        let publishesAnything = environment.flaws.contains(.publishesRemovedSegment)
        do throws(WalError) {
            let isPublished = try catalog.withLock { (catalog) throws(WalError) -> Bool in
                guard isCompressible(segment, in: catalog) || publishesAnything else { return false }
                try attempt("name a compressed segment") { () throws(StorageError) in
                    try storage.rename(job.temporary, to: target)
                }
                return true
            }
            guard isPublished else {
                try attempt("give up compressing a segment") { () throws(StorageError) in try job.discard() }
                return nil
            }
            if environment.flaws.contains(.unlinksRawBeforeDirectorySync) {
                try attempt("remove a compressed segment's raw file") { () throws(StorageError) in
                    try storage.unlink(raw)
                }
            }
            try syncNamesAside("make the name of a compressed segment durable")
        } catch {
            // Whether the name came to be is unknown, and does no harm: the raw file is the one in use, and the two hold the same.
            do throws(StorageError) { try storage.unlink(target) } catch {}
            throw error
        }
        segment.info.withLock {
            $0.isCompressed = true
            $0.fileSize = job.fileSize
            $0.rawSize = job.rawSize
        }
        opened.drop(segment)
        // From here on the raw file is a left-over: should it stay, the next open decides between the two.
        try attempt("remove a compressed segment's raw file") { () throws(StorageError) in
            if !environment.flaws.contains(.unlinksRawBeforeDirectorySync) { try storage.unlink(raw) }
            try job.close()
        }
        try syncNamesAside("make the removal of a raw segment durable")
        return .compressed(base: LSN(segment.base), path: target, rawBytes: job.rawSize, fileBytes: job.fileSize)
    }

    /// Syncs the directory for names on which no event depends.
    ///
    /// If it fails, the log has failed only if a rolled segment waits to be settled: the kernel reports a failure once, so the sync
    /// that is to vouch for that segment's name might not hear of it. All other names of the log were made durable before. No roll
    /// is settled while the lock is held.
    func syncNamesAside(_ doing: String) throws(WalError) {
        try syncState.withLock { (_) throws(WalError) in
            do throws(StorageError) {
                try storage.syncDirectory(directory)
            } catch {
                guard error.isPassing || catalog.withLock({ $0.unsettled.isEmpty }) else {
                    throw poison(error, doing)
                }
                throw error.wal(doing)
            }
        }
    }

    /// Drops what is under way, at the end of the log.
    func dropCompression() throws(StorageError) {
        let job = compression.withLock { state -> CompressionJob? in
            let job = state.job
            state.job = nil
            return job
        }
        try job?.discard()
    }
}
