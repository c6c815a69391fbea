import WalPlatform

/// Tells whether the wall clock can be trusted for ages: it is compared with the monotonic one from pass to pass.
final class RetentionClock: Sendable {
    /// How far the two clocks may part between passes, and how far the wall clock may be behind the log's newest frame.
    static let tolerance: Int64 = 60_000_000_000

    private struct Reading: Sendable {
        var wall: Int64
        var monotonic: Int64?
    }

    private let environment: StoreEnvironment
    private let baseline: Guarded<Reading>

    init(_ environment: StoreEnvironment) {
        self.environment = environment
        baseline = Guarded(Self.read(environment))
    }

    private static func read(_ environment: StoreEnvironment) -> Reading {
        // A reading of the clock is an event of a recorded run: none is made that nobody needs.
        guard let monotonic = environment.monotonic else { return Reading(wall: 0) }
        return Reading(wall: environment.now(), monotonic: monotonic())
    }

    /// The wall clock, and what is wrong with it.
    ///
    /// - Parameters:
    ///   - newest: the newest time of a frame of the log, if one is known.
    ///   - isPass: whether this is a pass, from which the next one counts.
    func look(newest: Int64?, isPass: Bool) -> (now: Int64, trouble: RetentionReport.ClockTrouble?) {
        let current = Reading(wall: environment.now(), monotonic: environment.monotonic?())
        let last = baseline.withLock { baseline in
            defer { if isPass { baseline = current } }
            return baseline
        }
        if let monotonic = current.monotonic, let before = last.monotonic {
            let jump = current.wall.subtractingClamped(last.wall)
                .subtractingClamped(monotonic.subtractingClamped(before))
            if jump.magnitude > UInt64(Self.tolerance) { return (current.wall, .jumped(.nanoseconds(jump))) }
        }
        if let newest {
            let behind = newest.subtractingClamped(current.wall)
            if behind > Self.tolerance { return (current.wall, .behind(.nanoseconds(behind))) }
        }
        return (current.wall, nil)
    }
}
