/// Where a consumer stands: an event, and the life of the log in which it was written.
///
/// Store a position, not an LSN alone, wherever one outlives the process: after events were cut off (truncate(after:), a
/// repair) their LSNs are given to other events, and after a restore from a backup two copies of one log may each go on under
/// the same LSNs. A position is valid if the frame that holds its event bears its epoch and incarnation; a stale one is
/// refused.
public struct Position: Hashable, Sendable {
    /// The event last processed; 0: none.
    public var lsn: LSN
    /// The epoch of the open (or cut) under which it was written.
    public var epoch: UInt32
    /// The random bits drawn when that epoch began.
    public var incarnation: UInt64

    /// Makes a position of its parts.
    public init(lsn: LSN, epoch: UInt32, incarnation: UInt64) {
        self.lsn = lsn
        self.epoch = epoch
        self.incarnation = incarnation
    }

    /// The position before every event of any log.
    public static let start = Position(lsn: 0, epoch: 0, incarnation: 0)
}

extension Position: LosslessStringConvertible {
    /// LSN, epoch and incarnation, as `1234@5:00f3a1b2c3d4e5f6`; what ``init(_:)`` reads.
    public var description: String {
        let digits = String(incarnation, radix: 16)
        return "\(lsn)@\(epoch):\(String(repeating: "0", count: 16 - digits.count))\(digits)"
    }

    /// Reads what ``description`` gives; nil if the text is anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let lsn = UInt64(parts[0]), parts[0].utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        let life = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard life.count == 2, life[1].utf8.count == 16, let epoch = UInt32(life[0]),
            life[0].utf8.allSatisfy({ (48...57).contains($0) }), let incarnation = UInt64(life[1], radix: 16),
            !life[1].hasPrefix("+")
        else { return nil }
        self.init(lsn: LSN(lsn), epoch: epoch, incarnation: incarnation)
    }
}
