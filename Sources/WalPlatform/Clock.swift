#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// The system's clocks, in nanoseconds.
package enum SystemClock {
    /// A moment as the system tells it.
    package struct Reading: Sendable {
        package var seconds: Int64
        package var nanoseconds: Int64

        package init(seconds: Int64, nanoseconds: Int64) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }

        /// In nanoseconds, or the number nearest to it: from 1677 to 2262, if it counts from 1970.
        package var clamped: Int64 {
            seconds.multipliedClamped(by: 1_000_000_000).addingClamped(nanoseconds)
        }

        /// Nanoseconds since an earlier moment, within 73 years either way: sums of a few of them fit.
        package func since(_ earlier: Reading) -> Int64 {
            let elapsed = Reading(
                seconds: seconds.subtractingClamped(earlier.seconds), nanoseconds: nanoseconds - earlier.nanoseconds)
            return min(max(elapsed.clamped, -SystemClock.elapsedMax), SystemClock.elapsedMax)
        }
    }

    private static let elapsedMax: Int64 = 1 << 61

    /// Wall-clock time since the Unix epoch; may jump when the clock is set.
    ///
    /// A clock outside of 1677 to 2262 tells the end of that range which is nearer.
    package static func wallNanoseconds() -> Int64 { read(CLOCK_REALTIME).clamped }

    /// Time since this process first asked, and a second; never goes back.
    ///
    /// Not since the system's own zero, which may be anything: some tools that set a program's clock move this one by
    /// centuries, too.
    package static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC).since(start) }

    private static let start: Reading = {
        var start = read(CLOCK_MONOTONIC)
        start.seconds = start.seconds.subtractingClamped(1)
        return start
    }()

    /// Time since this process first asked, that in which the machine sleeps included; never goes back.
    package static func elapsedNanoseconds() -> Int64 { read(sleepingClock).since(sleepingStart) }

    #if os(Linux) || os(Android)
    private static let sleepingClock = CLOCK_BOOTTIME
    #else
    // Apple's counts the time asleep.
    private static let sleepingClock = CLOCK_MONOTONIC
    #endif

    private static let sleepingStart = read(sleepingClock)

    /// Blocks the calling thread for at least that long.
    package static func sleep(nanoseconds: Int64) {
        let deadline = monotonicNanoseconds().addingClamped(nanoseconds)
        var left = nanoseconds
        while left > 0 {
            // Where seconds have 32 bits, a longer sleep takes several.
            var request = timespec(tv_sec: time_t(clamping: left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            nanosleep(&request, nil)
            left = deadline - monotonicNanoseconds()
        }
    }

    private static func read(_ clock: clockid_t) -> Reading {
        var time = timespec()
        // Can't fail: both clocks exist on every supported system and the address is valid.
        clock_gettime(clock, &time)
        return Reading(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}
