/// A place in a trace and what survived a crash there: all it takes to make one crash state again.
///
/// Its text is `events:choice`, where the choice is `none`, `all`, `all-7`, `only7`, `r` with a seed, or the values of
/// all choice points separated by dots, those left out at the end being 0.
package struct CrashPoint: Sendable, Hashable, CustomStringConvertible {
    package enum Choice: Sendable, Hashable {
        case none
        case all
        case allBut(Int)
        case only(Int)
        case random(UInt64)
        case values([Int])
    }

    /// How many events of the trace had happened.
    package var events: Int
    package var choice: Choice

    package init(events: Int, choice: Choice) {
        self.events = events
        self.choice = choice
    }

    /// Reads the text form; nil if it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let events = Int(parts[0]), events >= 0, let choice = Self.choice(parts[1]) else {
            return nil
        }
        self.init(events: events, choice: choice)
    }

    package var description: String {
        switch choice {
        case .none: "\(events):none"
        case .all: "\(events):all"
        case .allBut(let point): "\(events):all-\(point)"
        case .only(let point): "\(events):only\(point)"
        case .random(let seed): "\(events):r\(seed)"
        case .values(let values): "\(events):" + Self.text(values)
        }
    }

    /// A number that follows from the point alone, the same in every process.
    package var hash: UInt64 {
        var hash = UInt64(events) &+ 1
        func add(_ kind: UInt64, _ value: UInt64) {
            var generator = SeededGenerator(seed: hash ^ (kind << 56) ^ value)
            hash = generator.next()
        }
        switch choice {
        case .none: add(1, 0)
        case .all: add(2, 0)
        case .allBut(let point): add(3, UInt64(point))
        case .only(let point): add(4, UInt64(point))
        case .random(let seed): add(5, seed)
        case .values(let values):
            // As the text has it: zeros at the end are left out, and all of them is `none`.
            let count = (values.lastIndex { $0 != 0 } ?? -1) + 1
            if count == 0 { add(1, 0) }
            for value in values.prefix(count) { add(6, UInt64(value)) }
        }
        return hash
    }

    private static func text(_ values: [Int]) -> String {
        let count = (values.lastIndex { $0 != 0 } ?? -1) + 1
        return count == 0 ? "none" : values.prefix(count).map(String.init).joined(separator: ".")
    }

    private static func choice(_ text: Substring) -> Choice? {
        if text == "none" { return Choice.none }
        if text == "all" { return .all }
        if text.hasPrefix("all-") { return Int(text.dropFirst(4)).map(Choice.allBut) }
        if text.hasPrefix("only") { return Int(text.dropFirst(4)).map(Choice.only) }
        if text.hasPrefix("r") { return UInt64(text.dropFirst()).map(Choice.random) }
        let fields = text.split(separator: ".", omittingEmptySubsequences: false)
        let values = fields.compactMap { Int($0) }.filter { $0 >= 0 }
        return values.count == fields.count ? .values(values) : nil
    }
}
