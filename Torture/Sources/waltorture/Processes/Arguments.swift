/// The command line: a subcommand and options with values.
struct Arguments {
    struct Misuse: Error, CustomStringConvertible {
        var description: String
    }

    let command: String
    private var values: [String: String] = [:]

    init(_ words: [String]) throws(Misuse) {
        guard let first = words.first else { throw Misuse(description: "name a rig") }
        command = first
        var rest = words.dropFirst()
        while let name = rest.popFirst() {
            guard name.hasPrefix("--"), let value = rest.popFirst() else {
                throw Misuse(description: "\(name) is no option with a value")
            }
            values[String(name.dropFirst(2))] = value
        }
    }

    func text(_ name: String) throws(Misuse) -> String {
        guard let value = values[name] else { throw Misuse(description: "--\(name) is missing") }
        return value
    }

    func number(_ name: String, default: UInt64? = nil) throws(Misuse) -> UInt64 {
        guard let value = values[name] else {
            guard let `default` else { throw Misuse(description: "--\(name) is missing") }
            return `default`
        }
        guard let number = UInt64(value) else { throw Misuse(description: "--\(name) can't be \(value)") }
        return number
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    func flag(_ name: String) -> Bool { values[name] == "1" }
}
