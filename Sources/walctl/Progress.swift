import WalPlatform

/// A line on standard error that says how far long work has come; nothing unless standard error is a terminal.
struct Progress {
    private let isShown = ProcessStream.error.isTerminal
    private var nextUpdate = SystemClock.monotonicNanoseconds() + 500_000_000
    private var width = 0

    /// Shows a text, at most five times a second.
    mutating func update(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let now = SystemClock.monotonicNanoseconds()
        guard now >= nextUpdate else { return }
        nextUpdate = now + 200_000_000
        let text = text()
        writeToStandardError("\r" + text + String(repeating: " ", count: max(0, width - text.count)))
        width = text.count
    }

    /// Removes the line.
    mutating func clear() {
        guard width > 0 else { return }
        writeToStandardError("\r" + String(repeating: " ", count: width) + "\r")
        width = 0
    }
}
