import SegmentStore
import Testing

@Suite struct RecoveryTableTests {
    private static let combinations = (0..<128).map { bits in
        TailEvidence(
            successorContinues: bits & 1 != 0, frameIsWhole: bits & 2 != 0, isAnchored: bits & 4 != 0,
            isVouched: bits & 8 != 0, isClosedHere: bits & 16 != 0, writerIsLive: bits & 32 != 0,
            isFollowed: bits & 64 != 0)
    }

    /// Bits 0, 1: successor continues, frame whole. Each row of four is one combination of the bits above: 4 anchored, 8
    /// vouched, 16 closed here, 32 writer live, 64 followed.
    private static let expected: [TailVerdict] = [
        // Not followed, no writer, not closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .end, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Not followed, no writer, closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .closed, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Not followed, a writer, not closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .inProgress, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Not followed, a writer, closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .closed, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Followed, no writer, not closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .tornTail, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Followed, no writer, closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .tornTail, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Followed, a writer, not closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .inProgress, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
        // Followed, a writer, closed here.
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .inProgress, .crossOver, .acceptFrame, .crossOver,
        .contradiction, .crossOver, .acceptFrame, .crossOver,
        .corruption, .crossOver, .acceptFrame, .crossOver,
    ]

    @Test func everyCombinationOfEvidenceMatchesExactlyOneRow() {
        #expect(Set(Self.combinations).count == 128)
        for evidence in Self.combinations {
            #expect(RecoveryTable.rows.filter { $0.matches(evidence) }.count == 1, "\(evidence)")
        }
    }

    @Test func everyCombinationOfEvidenceHasTheExpectedVerdict() {
        #expect(Self.expected.count == Self.combinations.count)
        for (evidence, verdict) in zip(Self.combinations, Self.expected) {
            #expect(RecoveryTable.verdict(for: evidence) == verdict, "\(evidence)")
        }
    }

    @Test func everyRowAndEveryVerdictIsReached() {
        for row in RecoveryTable.rows { #expect(Self.combinations.contains { row.matches($0) }, "\(row.name)") }
        #expect(Set(Self.expected) == Set(TailVerdict.allCases))
    }

    /// The rule the table stands for: wherever it cuts or goes on writing, nothing says that durable data is concerned.
    @Test func nothingIsCutOrWrittenWhereDurableDataMayLie() {
        for evidence in Self.combinations where !evidence.successorContinues && !evidence.frameIsWhole {
            let goesOn: Set<TailVerdict> = [.closed, .end, .tornTail]
            if evidence.isVouched || !evidence.isAnchored {
                #expect(!goesOn.contains(RecoveryTable.verdict(for: evidence)), "\(evidence)")
            }
        }
    }
}
