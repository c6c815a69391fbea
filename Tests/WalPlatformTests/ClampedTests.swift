import Testing
import WalPlatform

@Suite struct ClampedTests {
    private static let extremes: [Int64] = [.min, .min + 1, -(1 << 32), -1, 0, 1, 1 << 31, 1 << 62, .max - 1, .max]

    @Test func sumsDifferencesAndProductsThatDoNotFitAreTheNearestNumber() {
        for left in Self.extremes {
            for right in Self.extremes {
                // In floating point the sign and the size of what does not fit can't be missed.
                let (wideLeft, wideRight) = (Double(left), Double(right))
                expect(left.addingClamped(right), wideLeft + wideRight, left &+ right)
                expect(left.subtractingClamped(right), wideLeft - wideRight, left &- right)
                expect(left.multipliedClamped(by: right), wideLeft * wideRight, left &* right)
            }
        }
        #expect(UInt64.max.addingClamped(1) == .max)
        #expect(UInt64(0).subtractingClamped(1) == 0)
        #expect(UInt64.max.multipliedClamped(by: 2) == .max)
    }

    private func expect(_ found: Int64, _ wide: Double, _ wrapped: Int64) {
        if wide >= 0x1p63 {
            #expect(found == .max || found == wrapped)
        } else if wide < -0x1p63 {
            #expect(found == .min)
        } else {
            #expect(found == wrapped || abs(Double(found) - wide) <= 0x1p12)
        }
        // Never on the other side.
        if wide > 1 { #expect(found > 0) }
        if wide < -1 { #expect(found < 0) }
    }

    @Test func clocksThatAreWrongByCenturiesTellTheNearestTime() {
        typealias Reading = SystemClock.Reading
        #expect(Reading(seconds: 1, nanoseconds: 5).clamped == 1_000_000_005)
        #expect(Reading(seconds: 9_300_000_000, nanoseconds: 0).clamped == .max)
        #expect(Reading(seconds: -9_300_000_000, nanoseconds: 999_999_999).clamped < -9_200_000_000_000_000_000)
        for seconds in Self.extremes {
            for nanoseconds in [0, 999_999_999] as [Int64] {
                _ = Reading(seconds: seconds, nanoseconds: nanoseconds).clamped
                for earlier in Self.extremes {
                    let elapsed = Reading(seconds: seconds, nanoseconds: nanoseconds)
                        .since(Reading(seconds: earlier, nanoseconds: 999_999_999 - nanoseconds))
                    // What is added to it is at most years.
                    #expect(abs(elapsed) <= 1 << 61)
                }
            }
        }
    }

    /// Far from the system's own zero, as under a tool that shifts all clocks, time passes as it does elsewhere.
    @Test func elapsedTimeDoesNotDependOnWhereTheClockStands() {
        for base in [-15_000_000_000, 0, 15_000_000_000, .max - 100] as [Int64] {
            let start = SystemClock.Reading(seconds: base, nanoseconds: 900_000_000)
            let later = SystemClock.Reading(seconds: base + 2, nanoseconds: 100_000_000)
            #expect(later.since(start) == 1_200_000_000)
        }
        let first = SystemClock.monotonicNanoseconds()
        #expect(first >= 1_000_000_000)
        #expect(SystemClock.monotonicNanoseconds() >= first)
    }
}
