/// What recovery knows of a point at which it looks for the next frame.
package struct TailEvidence: Sendable, Hashable {
    /// The next segment's header is intact and says that its predecessor ends exactly here.
    package var successorContinues: Bool
    /// The frame at the point is whole and fits the chain.
    package var frameIsWhole: Bool
    /// The superblock's watermark, where recovery began, is the end of a frame of this segment, or the point was reached by
    /// frames. False only where it is shown to be none: the superblock and the segments are of different times.
    package var isAnchored: Bool
    /// Something with a valid checksum claims that the next event was on stable storage.
    package var isVouched: Bool
    /// The superblock says that the log was closed in order, exactly here.
    package var isClosedHere: Bool
    /// Another process holds the lock and may be writing here now (read-only open).
    package var writerIsLive: Bool
    /// There is something behind the point: bytes that are not zero, or later segments.
    package var isFollowed: Bool

    package init(
        successorContinues: Bool, frameIsWhole: Bool, isAnchored: Bool, isVouched: Bool, isClosedHere: Bool,
        writerIsLive: Bool, isFollowed: Bool
    ) {
        self.successorContinues = successorContinues
        self.frameIsWhole = frameIsWhole
        self.isAnchored = isAnchored
        self.isVouched = isVouched
        self.isClosedHere = isClosedHere
        self.writerIsLive = writerIsLive
        self.isFollowed = isFollowed
    }
}

/// What recovery makes of a point.
package enum TailVerdict: String, Sendable, Hashable, CaseIterable {
    /// The segment is complete; go on in the next one.
    case crossOver
    /// Take the frame and go on behind it.
    case acceptFrame
    /// The superblock's watermark is no place in this segment.
    case contradiction
    /// Durable data is damaged or missing.
    case corruption
    /// The log was closed in order here.
    case closed
    /// The end is in motion.
    case inProgress
    /// The log ends here, and nothing follows.
    case end
    /// The log ends here; what follows was never durable.
    case tornTail
}

/// The decision table of recovery. Every combination of evidence matches exactly one row, which a test shows by walking
/// them all (the idea is that of the recovery cases in TigerBeetle's journal). A nil column does not matter.
package enum RecoveryTable {
    package struct Row: Sendable {
        package var name: String
        package var successorContinues: Bool?
        package var frameIsWhole: Bool?
        package var isAnchored: Bool?
        package var isVouched: Bool?
        package var isClosedHere: Bool?
        package var writerIsLive: Bool?
        package var isFollowed: Bool?
        package var verdict: TailVerdict

        package func matches(_ evidence: TailEvidence) -> Bool {
            (successorContinues ?? evidence.successorContinues) == evidence.successorContinues
                && (frameIsWhole ?? evidence.frameIsWhole) == evidence.frameIsWhole
                && (isAnchored ?? evidence.isAnchored) == evidence.isAnchored
                && (isVouched ?? evidence.isVouched) == evidence.isVouched
                && (isClosedHere ?? evidence.isClosedHere) == evidence.isClosedHere
                && (writerIsLive ?? evidence.writerIsLive) == evidence.writerIsLive
                && (isFollowed ?? evidence.isFollowed) == evidence.isFollowed
        }
    }

    package static let rows: [Row] = [
        // A roll fixed the end of this segment: whatever lies behind it (index, footer, a group written again elsewhere)
        // is no event of the log.
        Row(name: "rolled", successorContinues: true, verdict: .crossOver),
        // Also behind a point at which the superblock says that the log was closed: it may be older than the segments.
        Row(name: "whole frame", successorContinues: false, frameIsWhole: true, verdict: .acceptFrame),
        // What lies at such a place may be the middle of a durable frame: nothing is to be cut there, nor written.
        Row(
            name: "contradiction", successorContinues: false, frameIsWhole: false, isAnchored: false,
            verdict: .contradiction),
        // Not even a live writer takes back what was durable.
        Row(
            name: "damage", successorContinues: false, frameIsWhole: false, isAnchored: true, isVouched: true,
            verdict: .corruption),
        Row(
            name: "closed in order", successorContinues: false, frameIsWhole: false, isAnchored: true,
            isVouched: false, isClosedHere: true, isFollowed: false, verdict: .closed),
        Row(
            name: "live writer", successorContinues: false, frameIsWhole: false, isAnchored: true, isVouched: false,
            isClosedHere: false, writerIsLive: true, isFollowed: false, verdict: .inProgress),
        Row(
            name: "live writer in a write", successorContinues: false, frameIsWhole: false, isAnchored: true,
            isVouched: false, writerIsLive: true, isFollowed: true, verdict: .inProgress),
        Row(
            name: "end", successorContinues: false, frameIsWhole: false, isAnchored: true, isVouched: false,
            isClosedHere: false, writerIsLive: false, isFollowed: false, verdict: .end),
        Row(
            name: "torn tail", successorContinues: false, frameIsWhole: false, isAnchored: true, isVouched: false,
            writerIsLive: false, isFollowed: true, verdict: .tornTail),
    ]

    /// The places of the rows that recovery reaches without the table.
    static let rolled = 0
    static let wholeFrame = 1

    /// The verdict of the one row that matches.
    package static func verdict(for evidence: TailEvidence) -> TailVerdict {
        rows[index(for: evidence)].verdict
    }

    static func index(for evidence: TailEvidence) -> Int {
        for (index, row) in rows.enumerated() where row.matches(evidence) { return index }
        // The rows cover all combinations, which the test of this table proves.
        preconditionFailure("the recovery table has a gap: \(evidence)")
    }
}

/// Which rows of the table a recovery came to, for tests to show that they reach them all.
package struct RecoveryRows: Sendable, Hashable {
    private var bits: UInt32 = 0

    package func contains(row: Int) -> Bool { bits & 1 << row != 0 }
    mutating func insert(row: Int) { bits |= 1 << row }
}
