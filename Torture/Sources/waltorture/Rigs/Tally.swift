import Glibc

/// What a rig has done and found so far; ends as one line for the table.
struct Tally {
    let rig: String
    var rounds: UInt64 = 0
    var records: UInt64 = 0
    var lost: UInt64 = 0
    var wrong: UInt64 = 0
    private(set) var notes: [String: UInt64] = [:]

    init(_ rig: String) { self.rig = rig }

    mutating func count(_ note: String, _ number: UInt64 = 1) { notes[note, default: 0] += number }

    /// - Parameter place: how to get there again.
    mutating func add(_ violation: Violation, at place: String) {
        switch violation.kind {
        case .lost: lost += max(1, violation.count)
        case .wrong: wrong += 1
        }
        complain("\(rig): \(violation.kind): \(violation) (\(place))")
    }

    /// Says it on standard output; the exit code is 1 if anything was lost or wrong.
    func finish() -> CInt {
        let text = notes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        print("\(rig)\t\(rounds)\t\(records)\t\(lost)\t\(wrong)\t\(text)")
        return lost + wrong == 0 ? 0 : 1
    }
}
