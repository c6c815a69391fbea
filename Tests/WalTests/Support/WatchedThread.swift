import Foundation
import WalPlatform

/// A thread of a test that can be told to be asleep.
final class WatchedThread: Sendable {
    /// Where the system tells of it; nil: it has not begun.
    private let place: Shared<String?>
    private let hasEnded: Shared<Bool>
    private let thread: SystemThread

    init(name: String, _ body: @escaping @Sendable () -> Void) throws {
        let (place, hasEnded) = (Shared<String?>(nil), Shared(false))
        (self.place, self.hasEnded) = (place, hasEnded)
        thread = try SystemThread(name: name) {
            place.value = Self.ownPlace
            body()
            hasEnded.value = true
        }
    }

    func join() { thread.join() }

    /// Waits until it is asleep, with nobody having woken it, or has ended; returns whether it sleeps.
    func fallsAsleep() -> Bool {
        while true {
            let before = sleep
            SystemClock.sleep(nanoseconds: 20_000_000)
            if hasEnded.value { return false }
            if let before, before == sleep { return true }
        }
    }

    #if os(Linux)
    private static var ownPlace: String? {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
        return own.map { "/proc/\($0)/status" }
    }

    /// Which of its sleeps it is in, by the number of those before; nil: none.
    private var sleep: String? {
        guard let place = place.value, let status = try? String(contentsOfFile: place, encoding: .utf8)
        else { return nil }
        let lines = status.split(separator: "\n")
        guard lines.contains(where: { $0.hasPrefix("State:\tS") }) else { return nil }
        return lines.first { $0.hasPrefix("voluntary_ctxt_switches:") }.map(String.init)
    }
    #else
    private static var ownPlace: String? { "" }

    /// Where the system does not tell, whoever has begun and not ended counts as asleep.
    private var sleep: String? { place.value }
    #endif
}
