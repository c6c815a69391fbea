/// Whether what is written together is filled up to whole sectors, so that no event is written into one that is on stable storage.
public enum Padding: Sendable, Hashable {
    /// Frames lie close together. A write begins in the sector in which the last one ended; that the part before survives if
    /// the power fails is what disks call *power-safe overwrite*, and all but a few old ones give it.
    case none
    /// Each write ends with a frame without events that fills the sector, of so many bytes: 512, 1024, 2048 or 4096. For
    /// disks that may spoil all of a sector that is being written. Costs half a sector a commit on average, and a sync a roll.
    case sector(Int)
}

extension Padding {
    static let sizes = [512, 1024, 2048, 4096]

    package var isLegal: Bool {
        guard case .sector(let bytes) = self else { return true }
        return Self.sizes.contains(bytes)
    }

    /// Where the filler behind `offset` ends: no frame is shorter than its header.
    package func end(behind offset: UInt64) -> UInt64 {
        let end = sectorEnd(offset)
        guard case .sector(let bytes) = self, end > offset, end - offset < UInt64(Layout.frameHeaderSize) else {
            return end
        }
        return end + UInt64(bytes)
    }

    /// The first offset, from `offset` on, whose sector has nothing before it.
    package func sectorEnd(_ offset: UInt64) -> UInt64 {
        guard case .sector(let bytes) = self else { return offset }
        return (offset + UInt64(bytes) - 1) / UInt64(bytes) * UInt64(bytes)
    }

    /// The offset that no frame may pass, a filler included, where frames may not pass `limit`.
    package func limit(_ limit: UInt64) -> UInt64 {
        guard case .sector(let bytes) = self else { return limit }
        return limit / UInt64(bytes) * UInt64(bytes)
    }

    /// The largest body where frames may not pass `limit`; behind it there must be room for the shortest filler.
    package func largestBody(_ limit: UInt64) -> Int {
        let body = Int(self.limit(limit)) - Layout.blockSize - Layout.frameHeaderSize
        return self == .none ? body : body - Layout.frameHeaderSize
    }
}
