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
    /// Wall-clock time since the Unix epoch; may jump when the clock is set.
    package static func wallNanoseconds() -> Int64 { read(CLOCK_REALTIME) }

    /// Time since some fixed moment; never goes back.
    package static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Time since some fixed moment, that in which the machine sleeps included; never goes back.
    package static func elapsedNanoseconds() -> Int64 {
        #if os(Linux) || os(Android)
        read(CLOCK_BOOTTIME)
        #else
        // Apple's counts the time asleep.
        read(CLOCK_MONOTONIC)
        #endif
    }

    /// Blocks the calling thread for at least that long.
    package static func sleep(nanoseconds: Int64) {
        let deadline = monotonicNanoseconds() + nanoseconds
        var left = nanoseconds
        while left > 0 {
            var request = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            nanosleep(&request, nil)
            left = deadline - monotonicNanoseconds()
        }
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // Can't fail: both clocks exist on every supported system and the address is valid.
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
