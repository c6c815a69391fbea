import WalPlatform

/// Tells whether the wall clock can be trusted for ages: it is compared with the monotonic one from pass to pass.
///
/// Where the wall clock was set forward while the log is open, nobody knows whether it was wrong before or is wrong now. What
/// was written before it is then judged by the clock as it was, and nothing goes early; what was written after it, by the clock
/// as it is. A clock that was set back keeps things longer, which is safe.
final class RetentionClock: Sendable {
    /// How far the two clocks may part between passes, and how far the wall clock may be behind the log's newest frame.
    static let tolerance: Int64 = 60_000_000_000
    /// How many jumps are told apart.
    private static let jumpsMax = 64

    private struct Reading: Sendable {
        var wall: Int64
        var monotonic: Int64?
    }

    fileprivate struct Jump: Sendable {
        /// The newest event when it was noticed.
        var lsn: UInt64
        var by: Int64
    }

    private struct State: Sendable {
        var last: Reading
        var jumps: [Jump] = []
        var newestGone = Int64.min
    }

    /// What the clock says in one pass.
    struct Look: Sendable {
        fileprivate(set) var now: Int64
        fileprivate(set) var trouble: RetentionReport.ClockTrouble?
        /// From when the newest segment counted that has gone for its age.
        fileprivate(set) var newestGone: Int64
        fileprivate var jumps: [Jump]

        /// By how much the clock was set forward since an event was written.
        func ahead(since lsn: UInt64) -> Int64 {
            var sum: Int64 = 0
            for jump in jumps where jump.lsn >= lsn {
                let (next, overflow) = sum.addingReportingOverflow(jump.by)
                sum = overflow ? (jump.by > 0 ? .max : .min) : next
            }
            return max(0, sum)
        }
    }

    private let environment: StoreEnvironment
    private let state: Guarded<State>

    init(_ environment: StoreEnvironment) {
        self.environment = environment
        state = Guarded(State(last: Self.read(environment)))
    }

    private static func read(_ environment: StoreEnvironment) -> Reading {
        // A reading of the clock is an event of a recorded run: none is made that nobody needs.
        guard let monotonic = environment.monotonic else { return Reading(wall: 0) }
        return Reading(wall: environment.now(), monotonic: monotonic())
    }

    /// The wall clock, and what is wrong with it.
    ///
    /// - Parameters:
    ///   - newest: the time of the newest frame of the log, if it is known.
    ///   - lsn: the newest event.
    ///   - isPass: whether this is a pass, from which the next one counts.
    func look(newest: Int64?, lsn: UInt64, isPass: Bool) -> Look {
        let current = Reading(wall: environment.now(), monotonic: environment.monotonic?())
        return state.withLock { state in
            var jumps = state.jumps
            var look = Look(now: current.wall, trouble: nil, newestGone: state.newestGone, jumps: [])
            if let monotonic = current.monotonic, let before = state.last.monotonic {
                let passed = monotonic.subtractingClamped(before)
                let jump = current.wall.subtractingClamped(state.last.wall).subtractingClamped(passed)
                if jump.magnitude > UInt64(Self.tolerance) {
                    look.trouble = .jumped(.nanoseconds(jump))
                    jumps.append(Jump(lsn: lsn, by: jump))
                    if jumps.count > Self.jumpsMax {
                        // As if the older one had come with the one behind it: that keeps longer, if anything.
                        let (sum, overflow) = jumps[0].by.addingReportingOverflow(jumps[1].by)
                        jumps[1].by = overflow ? (jumps[0].by > 0 ? .max : .min) : sum
                        jumps.removeFirst()
                    }
                }
            }
            look.jumps = jumps
            if isPass { (state.last, state.jumps) = (current, jumps) }
            if look.trouble == nil, let newest {
                let behind = newest.subtractingClamped(current.wall)
                if behind > Self.tolerance { look.trouble = .behind(.nanoseconds(behind)) }
            }
            return look
        }
    }

    /// Notes from when the newest segment counted that goes for its age.
    func noteGone(_ time: Int64) {
        state.withLock { $0.newestGone = max($0.newestGone, time) }
    }
}
