import Glibc

/// What every rig is given: where to work, how long, from which seed; and the log whose lives it runs.
struct Rig {
    let seed: UInt64
    let rounds: UInt64
    let folder: String
    let errors: String
    let keep: String
    private let deadline: Int
    private let onlyGroup: UInt64?
    var tally: Tally

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        seed = try arguments.number("seed")
        rounds = try arguments.number("rounds")
        folder = try arguments.text("folder")
        keep = try arguments.text("keep")
        errors = keep + "/errors"
        deadline = Stopwatch.milliseconds() + Int(try arguments.number("seconds")) * 1000
        onlyGroup = try arguments.has("group") ? arguments.number("group") : nil
        tally = Tally(try arguments.text("name"))
    }

    var isOver: Bool { tally.rounds >= rounds || Stopwatch.milliseconds() >= deadline }

    /// The groups of rounds to run: each has a log, or recording, of its own, and can be run alone.
    func groups() -> PartialRangeFrom<UInt64> { (onlyGroup ?? 0)... }

    func isLast(_ group: UInt64) -> Bool { isOver || onlyGroup != nil && group > onlyGroup ?? 0 }

    func place(_ group: UInt64, _ round: UInt64) -> String { "--seed \(seed) --group \(group), round \(round)" }

    /// Runs one check, and turns what it throws into what the table counts; nil if the log is not to be gone on with.
    mutating func check(
        _ checker: Checker, survived: Survival, keepsAll: Bool, at place: String
    ) -> Checker.Finding? {
        do {
            let finding = try checker.check(survived: survived, keepsAll: keepsAll)
            tally.records += finding.events
            return finding
        } catch let violation as Violation {
            tally.add(violation, at: place)
        } catch let refusal as Checker.Refusal {
            tally.add(.wrong("it is refused: \(refusal.error)"), at: place)
        } catch {
            tally.add(.wrong("\(error)"), at: place)
        }
        preserve(checker.path)
        return nil
    }

    /// Keeps a copy of a log that was found wrong.
    private func preserve(_ path: String) {
        let copy = "\(keep)/\(tally.rig)-\(seed)-\(tally.rounds)".replacing(" ", with: "-")
        _ = system("cp -a '\(path)' '\(copy)'")
        complain("\(tally.rig): the log as found: \(copy)")
    }
}

extension String {
    fileprivate func replacing(_ old: Character, with new: Character) -> String { String(map { $0 == old ? new : $0 }) }
}
