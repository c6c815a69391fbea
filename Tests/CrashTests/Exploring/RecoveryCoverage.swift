import SegmentStore

/// How often recoveries came to what they can come to: the rows of the recovery table, outcomes, and things done.
struct RecoveryCoverage: Sendable {
    private(set) var rows = [Int](repeating: 0, count: RecoveryTable.rows.count)
    private(set) var outcomes: [RecoveryReport.Outcome: Int] = [:]
    private(set) var torn = 0
    private(set) var quarantined = 0
    private(set) var cleared = 0

    mutating func add(_ report: RecoveryReport) {
        for index in rows.indices where report.rows.contains(row: index) { rows[index] += 1 }
        outcomes[report.outcome, default: 0] += 1
        if report.bytesCut > 0 { torn += 1 }
        if !report.quarantined.isEmpty { quarantined += 1 }
        if !report.removed.isEmpty { cleared += 1 }
    }

    mutating func add(_ other: Self) {
        for index in rows.indices { rows[index] += other.rows[index] }
        outcomes.merge(other.outcomes, uniquingKeysWith: +)
        torn += other.torn
        quarantined += other.quarantined
        cleared += other.cleared
    }
}

extension RecoveryCoverage: CustomStringConvertible {
    var description: String {
        let rows = zip(RecoveryTable.rows, rows).map { "  row \"\($0.name)\": \($1)" }
        let outcomes = outcomes.map { "  outcome \($0.key): \($0.value)" }.sorted()
        let done = "  bytes cut off: \(torn), put into quarantine: \(quarantined), leftovers removed: \(cleared)"
        return (rows + outcomes + [done]).joined(separator: "\n")
    }
}
