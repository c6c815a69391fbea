import WalPlatform

/// Reads whatever is readable of a damaged log, on both sides of every hole, those of the medium included. Changes nothing and
/// needs no superblock.
package struct Salvage {
    /// Pinned to the directory once the reading has begun.
    private var storage: PatchyStorage
    private let path: DirectoryPath
    private var directory: String { path.description }
    private var headers: HeaderReader { HeaderReader(storage: storage, directory: directory) }
    private var nextLSN: UInt64 = 0
    /// The log the events must belong to: that of the superblock, else of the first segment whose header holds.
    private var identity: LogIdentity?
    /// The newest LSN that something intact claims to have been written.
    private var claimed: UInt64 = 0
    /// Where reading stopped last: that is where a hole begins.
    private var stop = (name: "", offset: UInt64(0))
    /// The last event that is the log's, where a cut was decided and is not finished: what lies behind it was given up.
    private var cut = UInt64.max
    /// What the directory and the superblock said when this pass began.
    private var scene = Scene(entries: [], superblock: nil)
    /// Whether a writer is at work, who may remove, replace and compress files.
    private var isShared = false
    private var looks = 0

    private struct Scene {
        var entries: [SegmentListing.Entry]
        var superblock: Superblock?

        /// Whether no file can have been removed or replaced in between.
        func hasSameFiles(as other: Scene) -> Bool {
            entries == other.entries && superblock.map(FileFacts.init) == other.superblock.map(FileFacts.init)
        }
    }

    /// How to go on.
    private enum Step {
        case goOn
        /// Whoever is given the events wants no more.
        case stop
        /// The set of files has changed: on from the next event with what is there now.
        case again
    }

    package init(storage: any Storage, directory: String) {
        self.init(storage: storage, path: DirectoryPath(directory))
    }

    package init(storage: any Storage, path: DirectoryPath) {
        self.storage = PatchyStorage(base: storage)
        self.path = path
    }

    /// Gives out every readable event in order; `hole` hears of each gap before the events behind it. Either may stop the
    /// reading by returning false.
    package mutating func run(
        event: (RecordView) throws -> Bool, hole: (WalError) throws -> Bool
    ) throws {
        try run(framedEvent: { view, _ in try event(view) }, hole: hole)
    }

    /// The same, with the frame of each event.
    package mutating func run(
        framedEvent event: (RecordView, FrameHeader) throws -> Bool, hole: (WalError) throws -> Bool
    ) throws {
        let base = storage.base
        storage = try attempt("open the log's directory") { () throws(StorageError) in
            PatchyStorage(base: try base.pinned(to: path, mode: nil, making: false).files)
        }
        while try pass(event: event, hole: hole) == .again { looks += 1 }
    }

    private mutating func pass(
        event: (RecordView, FrameHeader) throws -> Bool, hole: (WalError) throws -> Bool
    ) throws -> Step {
        isShared = try isWriterLive()
        let (found, names) = try look()
        scene = found
        var listing = names
        guard !listing.isEmpty else { throw WalError(.notALog, "there are no segments", path: directory) }
        claimed = scene.superblock?.watermark.lsn ?? 0
        cut = .max
        if let superblock = scene.superblock {
            identity = superblock.identity
            if superblock.cutKind != .none { cut = superblock.cut }
        }
        do throws(WalError) {
            _ = try listing.resolve(headers, identity: identity, refusesForeign: false)
        } catch {
            guard error.code == .notFound, mayLookAgain else { throw error }
            return .again
        }
        let isFirstPass = nextLSN == 0
        for (index, entry) in listing.entries.enumerated() {
            let base = entry.base
            let next = index + 1 < listing.entries.count ? listing.entries[index + 1] : nil
            if base > cut { break }
            if nextLSN == 0 { nextLSN = base }
            if !isFirstPass, let next, next.base <= nextLSN { continue }
            if base > nextLSN {
                let step = try tell(through: base - 1, hole)
                guard step == .goOn else { return step }
                nextLSN = max(nextLSN, base)
            }
            let step = try salvage(entry.name, before: next, event: event, hole: hole)
            guard step == .goOn else { return step }
        }
        return try tell(through: claimed, hole)
    }

    private var mayLookAgain: Bool { looks < SecondLook.looksMax }

    private func isWriterLive() throws(WalError) -> Bool {
        try attempt("look at the lock") { () throws(StorageError) in
            try storage.isLocked(headers.path(FileNames.lock))
        }
    }

    private func look() throws(WalError) -> (Scene, SegmentListing) {
        let listing = try attempt("list the log's directory") { () throws(StorageError) in
            SegmentListing(try storage.names(in: directory))
        }
        let superblock = listing.others.contains(FileNames.superblock) ? try readSuperblock() : nil
        return (Scene(entries: listing.entries, superblock: superblock), listing)
    }

    /// Tells of a hole up to an event, if it is one: where a writer is at work, what it has truncated away is none, and where it
    /// has changed the set of files, that is looked at again first.
    private mutating func tell(through last: UInt64, _ hole: (WalError) throws -> Bool) throws -> Step {
        let last = min(last, cut)
        guard last >= nextLSN else { return .goOn }
        if try isShared || isWriterLive() {
            let (now, _) = try look()
            if let superblock = now.superblock, superblock.firstLSN > nextLSN {
                nextLSN = min(superblock.firstLSN, last + 1)
            }
            guard last >= nextLSN else { return .goOn }
            if !now.hasSameFiles(as: scene), mayLookAgain { return .again }
        }
        return try hole(gap(through: last)) ? .goOn : .stop
    }

    private func gap(through last: UInt64) -> WalError {
        WalError(
            .corrupted, "events are damaged or missing", path: headers.path(stop.name), offset: stop.offset,
            lsns: LSN(nextLSN)...LSN(max(nextLSN, last)))
    }

    private func readSuperblock() throws(WalError) -> Superblock? {
        let content: SuperblockFile.Content
        do throws(WalError) { content = try headers.settledSuperblock() } catch {
            // It is needed for nothing but to say how far the log went.
            guard error.code == .corrupted || error.code == .wrongFileType else { throw error }
            return nil
        }
        guard case .found(let superblock, _, _) = content else { return nil }
        return superblock
    }

    private mutating func salvage(
        _ name: String, before next: SegmentListing.Entry?, event: (RecordView, FrameHeader) throws -> Bool,
        hole: (WalError) throws -> Bool
    ) throws -> Step {
        stop = (name, 0)
        storage.hasHoles.withLock { $0 = false }
        // Where the medium fails nothing may be left that tells how much there was.
        defer { if storage.hasHoles.withLock({ $0 }) { claimed = max(claimed, nextLSN) } }
        let file: any StorageFile
        do throws(StorageError) {
            file = try storage.openSegment(headers.path(name))
        } catch {
            if error.isNotFound, mayLookAgain { return .again }
            // Of a compressed segment nothing may be readable: that is a hole like any other.
            guard error.damage != nil else { throw error.wal("open a segment") }
            return .goOn
        }
        defer { headers.close(file) }
        guard let salt = try salt(file, name),
            let fileSize = try readable({ () throws(StorageError) -> UInt64? in try file.size() })
        else { return .goOn }
        // Behind the end that is known there may be what an earlier life left of a torn write.
        let size = try min(fileSize, Layout.segmentSizeMax, end(file, salt: salt) ?? .max)
        let limit = try next.flatMap { (next) throws(WalError) in try isIntact(next.name) ? next.base : nil } ?? .max
        // What was found otherwise is not missed; but a seek table that was made again may be shorter for a hole.
        if (file as? CompressedSegmentFile)?.isTableDerived != true { storage.hasHoles.withLock { $0 = false } }
        var window = ByteWindow(file, limit: size)
        var offset = UInt64(Layout.blockSize)
        stop.offset = offset
        while offset + UInt64(Layout.frameHeaderSize) <= size {
            guard let (frame, body) = try wholeFrame(window, salt: salt, at: offset) else {
                guard let found = try nextFrame(window, salt: salt, after: offset) else { break }
                if isShared {
                    // A writer may have put both there since the first was looked for.
                    window = ByteWindow(file, limit: size)
                    if try wholeFrame(window, salt: salt, at: offset) != nil { continue }
                }
                offset = found
                // What was lost lies before a frame that says where it belongs.
                storage.hasHoles.withLock { $0 = false }
                continue
            }
            offset += UInt64(frame.size)
            claimed = max(claimed, frame.watermark)
            guard frame.firstLSN >= nextLSN, frame.firstLSN < limit, frame.eventCount > 0 else { continue }
            if frame.firstLSN > cut { break }
            if frame.firstLSN > nextLSN {
                let step = try tell(through: frame.firstLSN - 1, hole)
                guard step == .goOn else { return step }
            }
            let last = min(frame.nextLSN - 1, cut)
            var run = RecordRun(
                position: body, end: body + frame.bodyLength, count: frame.eventCount, firstLSN: frame.firstLSN,
                time: frame.time)
            if run.isWhole {
                run.keep(through: last)
                while let view = run.next() {
                    guard try event(view, frame) else { return .stop }
                }
            } else {
                // Records that don't fit their frame, although its checksums hold: no batch is given out in part.
                nextLSN = frame.firstLSN
                guard try hole(gap(through: last)) else { return .stop }
            }
            nextLSN = last + 1
            stop.offset = offset
        }
        return .goOn
    }

    /// Where the frames of a sealed segment end; nil if its footer doesn't say.
    private func end(_ file: any StorageFile, salt: UInt64) throws(WalError) -> UInt64? {
        guard let footer = try headers.footer(file), footer.salt == salt else { return nil }
        return footer.endOfFrames
    }

    /// Whether a segment of the log begins with a header that holds.
    private func isIntact(_ name: String) throws(WalError) -> Bool {
        do throws(WalError) {
            guard case .intact = try headers.read(name, identity: identity) else { return false }
            return true
        } catch {
            return false
        }
    }

    /// The salt of a segment: from its header block, else from its footer, which has it for this case. Nil if neither
    /// holds, or if the segment belongs to another log or format.
    private mutating func salt(_ file: any StorageFile, _ name: String) throws(WalError) -> UInt64? {
        var isDamaged = false
        do throws(WalError) {
            switch try headers.read(file, path: headers.path(name), identity: identity) {
            case .intact(let header):
                identity = header.identity
                claimed = max(claimed, header.watermark)
                return header.salt
            case .damaged: isDamaged = true
            case .absent: break
            }
        } catch {
            guard error.code == .foreignFile || error.code == .unsupportedFormat else { throw error }
        }
        guard let footer = try headers.footer(file), identity == nil || footer.identity == identity else {
            // Without its salt no frame can be told from noise, and nothing else may be left that tells how many there were.
            if isDamaged { claimed = max(claimed, nextLSN) }
            return nil
        }
        identity = footer.identity
        claimed = max(claimed, footer.summary.lastLSN)
        return footer.salt
    }

    /// Reads; nil also where what can't be read lies in the way.
    private func readable<Result>(_ body: () throws(StorageError) -> Result?) throws(WalError) -> Result? {
        do throws(StorageError) {
            return try body()
        } catch {
            guard error.damage != nil else { throw error.wal("read a segment") }
            return nil
        }
    }

    private func wholeFrame(
        _ window: ByteWindow, salt: UInt64, at offset: UInt64
    ) throws(WalError) -> (FrameHeader, UnsafeRawPointer)? {
        try readable { () throws(StorageError) in
            let seed = FrameHeader.seed(salt: salt, offset: offset)
            guard let start = try window.bytes(at: offset, count: Layout.frameHeaderSize),
                let frame = FrameHeader(at: start, seed: seed), frame.codec == 0, frame.flags == 0,
                frame.firstLSN > 0, frame.firstLSN <= UInt64.max - UInt64(frame.eventCount),
                let whole = try window.bytes(at: offset, count: frame.size),
                FrameHeader.bodyChecksum(at: whole + Layout.frameHeaderSize, length: frame.bodyLength, seed: seed)
                    == frame.bodyChecksum
            else { return nil }
            return (frame, whole + Layout.frameHeaderSize)
        }
    }

    private func nextFrame(_ window: ByteWindow, salt: UInt64, after offset: UInt64) throws(WalError) -> UInt64? {
        try attempt("read a segment") { () throws(StorageError) in
            var position = offset + 8
            while position + UInt64(Layout.frameHeaderSize) <= window.limit {
                var count = Int(min(64 << 10, window.limit - position))
                var found: UnsafeRawPointer?
                do throws(StorageError) {
                    found = try window.bytes(at: position, count: count)
                } catch {
                    guard let damage = error.damage else { throw error }
                    if damage.lowerBound < position + UInt64(Layout.frameHeaderSize) {
                        position = max(position + 8, (damage.upperBound + 7) & ~7)
                        continue
                    }
                    count = Int(damage.lowerBound - position)
                    found = try window.bytes(at: position, count: count)
                }
                guard let bytes = found else { return nil }
                var step = 0
                while step + Layout.frameHeaderSize <= count {
                    let place = position + UInt64(step)
                    if bytes.load(step + 4, as: UInt16.self) == FrameHeader.magic,
                        FrameHeader(at: bytes + step, seed: FrameHeader.seed(salt: salt, offset: place)) != nil
                    {
                        return place
                    }
                    step += 8
                }
                position += UInt64(step)
            }
            return nil
        }
    }
}
