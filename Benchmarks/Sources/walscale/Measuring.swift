import Foundation

/// Runs `body` and returns its result and how many milliseconds it took.
func timed<Result>(_ body: () throws -> Result) rethrows -> (result: Result, milliseconds: Double) {
    let start = ContinuousClock.now
    let result = try body()
    let elapsed = start.duration(to: .now).components
    return (result, Double(elapsed.seconds) * 1e3 + Double(elapsed.attoseconds) / 1e15)
}

/// The median of some numbers.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

func fixed(_ value: Double, _ digits: Int = 1) -> String {
    String(format: "%.\(digits)f", value)
}

/// What the system says of this process; Linux only, else zeros.
enum Memory {
    /// Bytes that are this process's own: heap, stacks, and what it has written to; no pages of mapped files.
    static var anonymous: Int { kibibytes("RssAnon:") << 10 }

    /// The same and the pages of mapped files.
    static var resident: Int { kibibytes("VmRSS:") << 10 }

    private static func kibibytes(_ name: String) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { $0.split { !$0.isNumber }.first }.flatMap { Int($0) } ?? 0
    }
}

/// The highest use of memory seen by looking now and then.
struct Peak {
    private(set) var anonymous = 0
    private(set) var resident = 0

    mutating func look() {
        anonymous = max(anonymous, Memory.anonymous)
        resident = max(resident, Memory.resident)
    }

    var text: String {
        "\(fixed(Double(anonymous) / 1_048_576)) MiB own, \(fixed(Double(resident) / 1_048_576)) MiB resident"
    }
}

/// The descriptors this process has open; 0 where the system doesn't say.
var openDescriptors: Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 1) - 1
}
