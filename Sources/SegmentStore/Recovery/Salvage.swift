/// Reads whatever is readable of a damaged log, on both sides of every hole. Changes nothing and needs no superblock.
package struct Salvage {
    private let storage: any Storage
    private let directory: String
    private var headers: HeaderReader { HeaderReader(storage: storage, directory: directory) }
    private var nextLSN: UInt64 = 0

    package init(storage: any Storage, directory: String) {
        self.storage = storage
        self.directory = directory
    }

    /// Gives out every readable event in order; `hole` hears of each gap before the events behind it. Either may stop the
    /// reading by returning false.
    package mutating func run(
        event: (RecordView) throws -> Bool, hole: (WalError) throws -> Bool
    ) throws {
        let names = try attempt("list the log's directory") { () throws(StorageError) in try storage.list(directory) }
        let bases = names.compactMap { FileNames.base(ofSegment: $0) }.sorted()
        guard !bases.isEmpty else { throw WalError(.notALog, "there are no segments", path: directory) }
        for base in bases {
            if nextLSN != 0, base > nextLSN {
                guard try hole(gap(nextLSN, base - 1, FileNames.segment(base: base), 0)) else { return }
                nextLSN = base
            }
            if nextLSN == 0 { nextLSN = base }
            guard try salvage(base, event: event, hole: hole) else { return }
        }
    }

    private func gap(_ first: UInt64, _ last: UInt64, _ name: String, _ offset: UInt64) -> WalError {
        WalError(
            .corrupted, "events are damaged or missing", path: headers.path(name), offset: offset,
            lsns: LSN(first)...LSN(max(first, last)))
    }

    private mutating func salvage(
        _ base: UInt64, event: (RecordView) throws -> Bool, hole: (WalError) throws -> Bool
    ) throws -> Bool {
        let name = FileNames.segment(base: base)
        let file = try attempt("open a segment") { () throws(StorageError) in
            try storage.open(headers.path(name), .readOnly)
        }
        defer { headers.close(file) }
        guard let salt = try salt(file, name) else {
            return try hole(gap(nextLSN, nextLSN, name, 0))
        }
        let size = try attempt("read a segment's size") { () throws(StorageError) in try file.size() }
        let window = ByteWindow(file, limit: size)
        var offset = UInt64(Layout.blockSize)
        while offset + UInt64(Layout.frameHeaderSize) <= size {
            guard let (frame, body) = try wholeFrame(window, salt: salt, at: offset) else {
                guard let found = try nextFrame(window, salt: salt, after: offset) else { break }
                offset = found
                continue
            }
            if frame.firstLSN >= nextLSN, frame.eventCount > 0 {
                if frame.firstLSN > nextLSN {
                    guard try hole(gap(nextLSN, frame.firstLSN - 1, name, offset)) else { return false }
                }
                var run = RecordRun(
                    position: body, end: body + frame.bodyLength, count: frame.eventCount, firstLSN: frame.firstLSN,
                    time: frame.time)
                while let view = run.next() {
                    guard try event(view) else { return false }
                }
                nextLSN = frame.nextLSN
            }
            offset += UInt64(frame.size)
        }
        return true
    }

    /// The salt of a segment: from its header block, else from its footer, which has it for this case.
    private func salt(_ file: any StorageFile, _ name: String) throws(WalError) -> UInt64? {
        if case .intact(let header) = try headers.read(file, path: headers.path(name), identity: nil) {
            return header.salt
        }
        return try headers.footer(file)?.salt
    }

    private func wholeFrame(
        _ window: ByteWindow, salt: UInt64, at offset: UInt64
    ) throws(WalError) -> (FrameHeader, UnsafeRawPointer)? {
        try attempt("read a segment") { () throws(StorageError) in
            let seed = FrameHeader.seed(salt: salt, offset: offset)
            guard let start = try window.bytes(at: offset, count: Layout.frameHeaderSize),
                let frame = FrameHeader(at: start, seed: seed), frame.codec == 0,
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
                let count = Int(min(64 << 10, window.limit - position))
                guard let bytes = try window.bytes(at: position, count: count) else { return nil }
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
