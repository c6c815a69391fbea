import Foundation

/// Prints what happened, line by line, as it happens.
struct Summary {
    /// A line with a name in front.
    func say(_ name: String, _ text: String) {
        let line = name.padding(toLength: max(14, name.count + 1), withPad: " ", startingAt: 0) + text + "\n"
        FileHandle.standardOutput.write(Data(line.utf8))
    }

    /// "1000000 events (118.3 MiB) in 0.84 s: 1190476 events/s, 140.8 MiB/s".
    func rate(_ events: Int, bytes: Int, seconds: Double) -> String {
        let seconds = max(seconds, 1e-9)
        return
            "\(events) events (\(size(bytes))) in \(fixed(seconds, 2)) s: \(Int(Double(events) / seconds)) events/s, "
            + "\(size(Int(Double(bytes) / seconds)))/s"
    }

    func size(_ bytes: Int) -> String {
        bytes < 1 << 20 ? "\(fixed(Double(bytes) / 1024, 1)) KiB" : "\(fixed(Double(bytes) / 1_048_576, 1)) MiB"
    }

    func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}

/// Runs `body` and says how many seconds it took.
func timed<Result>(_ body: () throws -> Result) rethrows -> (result: Result, seconds: Double) {
    let start = ContinuousClock.now
    let result = try body()
    let elapsed = start.duration(to: .now).components
    return (result, Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
}
