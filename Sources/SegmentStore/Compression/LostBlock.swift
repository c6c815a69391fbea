/// A damaged block of a compressed segment, as a reader that stands at it sees it: which events can't be had, and where it may go
/// on.
struct LostBlock {
    /// The raw bytes.
    var range: Range<UInt64>
    var lsns: ClosedRange<UInt64>
    /// The first frame behind it; nil if there is none to be found.
    var next: IndexEntry?
}

extension ByteWindow {
    /// The raw bytes that can't be had at an offset, because the block that holds it is damaged; nil if they can.
    func damage(at offset: UInt64) throws(StorageError) -> Range<UInt64>? {
        do throws(StorageError) {
            _ = try bytes(at: offset, count: 1)
            return nil
        } catch {
            guard let damage = error.damage else { throw error }
            return damage
        }
    }

    /// Where reading may go on behind a damaged block: with the frame that begins there.
    func entry(behind damage: Range<UInt64>, salt: UInt64) throws(StorageError) -> IndexEntry? {
        let offset = damage.upperBound
        do throws(StorageError) {
            guard offset % 8 == 0, let start = try bytes(at: offset, count: Layout.frameHeaderSize),
                let frame = FrameHeader(at: start, seed: FrameHeader.seed(salt: salt, offset: offset)),
                frame.hasPossibleLSNs
            else { return nil }
            return IndexEntry(lsn: frame.firstLSN, offset: offset, newestEventTime: .min, newestFrameTime: .min)
        } catch {
            guard error.damage != nil else { throw error }
            return nil
        }
    }
}

extension SegmentReader {
    /// The damaged block at the reader's place; nil if that is not what is wrong there. `last` is the segment's last event.
    func lostBlock(at place: FrameChain, through last: UInt64) throws(WalError) -> LostBlock? {
        let found = try attempt("read a segment") { () throws(StorageError) -> (Range<UInt64>, IndexEntry?)? in
            guard let damage = try window.damage(at: place.offset) else { return nil }
            return (damage, try window.entry(behind: damage, salt: header.salt))
        }
        guard let (range, behind) = found else { return nil }
        let entries = try index()?.entries ?? []
        let first = entries.first { $0.offset == range.lowerBound }?.lsn ?? place.nextLSN
        // Where the next block is damaged as well, the index alone knows what the two held.
        let next = behind ?? entries.first { $0.offset >= range.upperBound }
        let through = next.map { $0.lsn &- 1 } ?? last
        return LostBlock(
            range: range, lsns: min(first, place.nextLSN)...max(place.nextLSN, through),
            next: next.flatMap { $0.lsn >= place.nextLSN && $0.offset < end ? $0 : nil })
    }
}
