/// A frame without events that fills a sector, ready to be written.
struct Filler {
    let header: FrameHeader
    let bytes: Block
}

/// A group whose write found no room. Any part of it may be in the file, and another process may have read it: what is written
/// there later must be the same bytes, its time, watermark and epoch included.
struct StuckGroup {
    /// Its bytes, finished.
    let block: StagingBlock
    let frames: Range<Int>
    /// Where it goes, and where the chain is behind it.
    let place: Mark
    let end: Mark
    let headers: [FrameHeader]
    let filler: Filler?

    /// Whether these frames of a block, at the end of the segment, are the group.
    func isNext(_ block: StagingBlock, _ frames: Range<Int>, in active: WritableSegment) -> Bool {
        block === self.block && frames == self.frames && active.chain == place
    }
}
