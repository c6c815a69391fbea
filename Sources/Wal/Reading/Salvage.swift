internal import SegmentStore

extension WriteAheadLog {
    /// Reads whatever is readable of a damaged log, on both sides of every hole. Changes nothing and takes no lock.
    ///
    /// Needs no superblock, and of a sealed segment no intact header. Blocks for as long as reading takes.
    ///
    /// Meant for the case that opening refuses: look at what is there, or append it to a new log. Every event given out
    /// has passed its frame's checksums; whether it had ever been durable is not known.
    ///
    /// - Parameters:
    ///   - path: the log's directory.
    ///   - storage: where the log keeps its files.
    ///   - hole: hears of each gap, with file and LSN range, before the events behind it; also of one at the end, if
    ///     something that is intact tells that there was more.
    ///   - body: gets each event, borrowed, in the order of the LSNs, and says whether to go on.
    /// - Throws: what `body` throws; else `notFound`, `notALog`, `permissionDenied`, `io`.
    public static func salvage(
        at path: FilePath, storage: LogStorage = .posix, hole: (WalError) -> Void,
        _ body: (borrowing BorrowedEvent) throws -> ReplayStep
    ) throws {
        var salvage = Salvage(storage: storage.implementation, path: DirectoryPath(path))
        try salvage.run(
            framedEvent: { view, frame in
                try body(BorrowedEvent(view, epoch: frame.epoch, incarnation: frame.incarnation)) == .continue
            },
            hole: {
                hole($0)
                return true
            })
    }
}
