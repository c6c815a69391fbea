import SegmentStore
import Testing

@Suite struct RecoveryTableTests {
    private static let combinations = (0..<32).map { bits in
        TailEvidence(
            successorContinues: bits & 1 != 0, frameIsWhole: bits & 2 != 0, isVouched: bits & 4 != 0,
            writerIsLive: bits & 8 != 0, isFollowed: bits & 16 != 0)
    }

    /// Bits: 1 successor continues, 2 frame whole, 4 vouched, 8 writer live, 16 followed.
    private static let expected: [TailVerdict] = [
        .end, .crossOver, .acceptFrame, .crossOver, .corruption, .crossOver, .acceptFrame, .crossOver,
        .inProgress, .crossOver, .acceptFrame, .crossOver, .corruption, .crossOver, .acceptFrame, .crossOver,
        .tornTail, .crossOver, .acceptFrame, .crossOver, .corruption, .crossOver, .acceptFrame, .crossOver,
        .inProgress, .crossOver, .acceptFrame, .crossOver, .corruption, .crossOver, .acceptFrame, .crossOver,
    ]

    @Test func everyCombinationOfEvidenceMatchesExactlyOneRow() {
        #expect(Set(Self.combinations).count == 32)
        for evidence in Self.combinations {
            #expect(RecoveryTable.rows.filter { $0.matches(evidence) }.count == 1, "\(evidence)")
        }
    }

    @Test func everyCombinationOfEvidenceHasTheExpectedVerdict() {
        for (evidence, verdict) in zip(Self.combinations, Self.expected) {
            #expect(RecoveryTable.verdict(for: evidence) == verdict, "\(evidence)")
        }
    }

    @Test func everyRowAndEveryVerdictIsReached() {
        for row in RecoveryTable.rows { #expect(Self.combinations.contains { row.matches($0) }, "\(row.name)") }
        #expect(Set(Self.expected) == Set(TailVerdict.allCases))
    }
}
