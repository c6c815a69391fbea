import Synchronization
import WalPlatform

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
    private let sizes: [UInt64]

    init(_ settings: Compression, _ segments: [Segment], sizes: [UInt64]) {
        self.settings = settings
        self.segments = segments
        self.sizes = sizes
        progress = (0, sizes.reduce(UInt64(0)) { $0.addingClamped($1) }.multipliedClamped(by: 2))
    }

    mutating func note(_ job: CompressionJob?) {
        if let job { progress.done = min(finished + job.progress, progress.total) }
    }

    mutating func next() {
        // Also where it was left out, or given up half-way.
        finished += 2 * sizes[position]
        progress.done = min(finished, progress.total)
        position += 1
        hasBegun = false
    }
}

extension LogStore {
    // MARK: By policy

    /// Does the next slice of what the policy wants compressed; false if nothing is due. The caller holds `workLock`.
    func compressByPolicy() throws(WalError) -> Bool {
        guard options.compression.isOn else { return false }
        return try advanceCompression(options.compression) { nextByPolicy() }
    }

    private func nextByPolicy() -> Segment? {
        // Before looking: a segment may be sealed meanwhile.
        guard compressionIsDue.exchange(false, ordering: .sequentiallyConsistent) else { return nil }
        let next = candidates(options.compression).first { segment in
            segment.info.withLock { !$0.isCompressed && $0.staysRaw == nil }
        }
        if next != nil { compressionIsDue.store(true, ordering: .sequentiallyConsistent) }
        return next
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
        // One whose size can't be had now will fail when its turn comes, and say why then.
        let sizes = segments.map { segment in (try? facts(of: segment))?.bytes ?? 0 }
        return CompressionPass(settings, Array(segments), sizes: sizes)
    }

    /// Does the next slice; false when all is done. An error of one segment does not keep the others from it. Takes `workLock`, and
    /// `maintenanceLock` to publish.
    package func continueCompression(_ pass: inout CompressionPass) throws(WalError) -> Bool {
        try workLock.withLock { () throws(WalError) in try advance(&pass) }
    }

    private func advance(_ pass: inout CompressionPass) throws(WalError) -> Bool {
        try checkUsable()
        if syncState.withLock({ $0.isClosed }) { throw WalError(.closed, "the log is closed", path: directory) }
        let hasJob = worker.job != nil
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
            _ = try advanceCompression(pass.settings) { next }
        } catch {
            if failure != nil { throw error }
            pass.failure = pass.failure ?? error
        }
        pass.note(worker.job)
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
                report.rawBytes = report.rawBytes.addingClamped(info.rawSize ?? 0)
                report.fileBytes = report.fileBytes.addingClamped(info.fileSize ?? 0)
            } else if info.staysRaw == .incompressible {
                report.incompressibleCount += 1
            }
        }
        return report
    }

    // MARK: One slice

    /// Goes on with the segment under way, or begins with another; false if there is none.
    private func advanceCompression(_ settings: Compression, choose: () -> Segment?) throws(WalError) -> Bool {
        if let job = worker.job {
            if let event = try advance(job) { environment.notify(event) }
            return true
        }
        guard let segment = choose() else { return false }
        do throws(WalError) {
            worker.job = try CompressionJob(segment, settings, self)
        } catch {
            // Truncated away or replaced meanwhile: whatever was found in its place is no matter.
            guard isCompressible(segment) else { return true }
            if !error.isRefusal { segment.info.withLock { $0.staysRaw = .failed } }
            throw error
        }
        return true
    }

    private func advance(_ job: CompressionJob) throws(WalError) -> StoreEvent? {
        let publishesAnything = environment.flaws.contains(.publishesRemovedSegment)
        guard isCompressible(job.segment) || publishesAnything else {
            // Truncated away or replaced meanwhile.
            try giveUp(job)
            return nil
        }
        do throws(WalError) {
            switch try job.step() {
            case .more: return nil
            case .incompressible:
                job.segment.info.withLock { $0.staysRaw = .incompressible }
                try giveUp(job)
                return nil
            case .finished:
                // Truncation and the like wait for this step, not for the work before it.
                let event = try maintenanceLock.withLock { () throws(WalError) in try publish(job) }
                worker.job = nil
                return event
            }
        } catch {
            // Not again while the log is open, unless somebody asks for it: it would most likely fail the same way. What the system
            // refuses for now passes.
            if !error.isRefusal {
                job.segment.info.withLock { if !$0.isCompressed { $0.staysRaw = $0.staysRaw ?? .failed } }
            }
            if worker.job != nil {
                worker.job = nil
                // The cause is what counts; what is left of the file aside goes at the next open.
                do throws(StorageError) { try job.discard() } catch {}
            }
            throw error
        }
    }

    private func giveUp(_ job: CompressionJob) throws(WalError) {
        worker.job = nil
        try attempt("give up compressing a segment") { () throws(StorageError) in try job.discard() }
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
        // From here on the raw file is a left-over: should it stay, that is tried again, and the next open decides between the two.
        var refusal: WalError?
        if !environment.flaws.contains(.unlinksRawBeforeDirectorySync) {
            do throws(StorageError) { try storage.unlink(raw) } catch {
                if !error.isNotFound { noteLeftover(FileNames.segment(base: segment.base)) }
                refusal = error.wal("remove a compressed segment's raw file")
            }
        }
        do throws(StorageError) { try job.close() } catch {
            refusal = refusal ?? error.wal("close a compressed segment")
        }
        if let refusal { throw refusal }
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
}
