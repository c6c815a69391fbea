import ArgumentParser
import Wal
import WalPlatform

/// A moment as people write it: `2026-01-31`, `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00.25+02:00`, `@1769860800`, or how
/// long ago it was: `90s`, `7d`.
struct Moment: ExpressibleByArgument, Equatable {
    var time: EventTime

    init?(argument: String) {
        let nanoseconds: Int64? =
            if argument.hasPrefix("@") {
                Self.unixTime(argument.dropFirst())
            } else if let ago = NaturalDuration(argument: argument) {
                Self.now(minus: ago.duration)
            } else {
                Self.dateAndTime(argument)
            }
        guard let nanoseconds else { return nil }
        time = EventTime(nanosecondsSince1970: nanoseconds)
    }

    private static func now(minus duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .min }
        let (result, underflow) = SystemClock.wallNanoseconds()
            .subtractingReportingOverflow(whole + attoseconds / 1_000_000_000)
        return underflow ? .min : result
    }

    /// Seconds since 1970, with a fraction or without.
    private static func unixTime(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = number(parts[0]), parts.count == 1 || fraction(parts[1]) != nil else { return nil }
        return nanoseconds(seconds: seconds, fraction: parts.count > 1 ? fraction(parts[1]) : 0)
    }

    /// RFC 3339; a date alone means its first moment, a time without a zone is in UTC.
    private static func dateAndTime(_ text: String) -> Int64? {
        let halves = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "T" || $0 == " " || $0 == "t" }
        let date = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard date.count == 3, date[0].utf8.count == 4, let year = number(date[0]), let month = number(date[1], 2),
            let day = number(date[2], 2), (1...12).contains(month), day >= 1, day <= days(in: month, of: year)
        else { return nil }
        let start = dayNumber(year, month, day) * 86_400
        guard halves.count == 2 else { return nanoseconds(seconds: start, fraction: 0) }
        guard let (clock, offset) = splitZone(halves[1]) else { return nil }
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, let hour = number(parts[0], 2), let minute = number(parts[1], 2),
            hour < 24, minute < 60
        else { return nil }
        var second: Int64 = 0
        var rest: Int64? = 0
        if parts.count == 3 {
            let pieces = parts[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            // 60: a leap second, which is taken for the first moment of the next minute.
            guard let whole = number(pieces[0], 2), whole <= 60 else { return nil }
            second = whole
            if pieces.count > 1 { rest = fraction(pieces[1]) }
        }
        guard let rest else { return nil }
        return nanoseconds(seconds: start + hour * 3600 + minute * 60 + second - offset, fraction: rest)
    }

    /// The clock part and the zone's offset in seconds east of UTC.
    private static func splitZone(_ text: Substring) -> (Substring, Int64)? {
        if text.hasSuffix("Z") || text.hasSuffix("z") { return (text.dropLast(), 0) }
        guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return (text, 0) }
        let zone = text[text.index(after: sign)...].split(separator: ":", omittingEmptySubsequences: false)
        guard zone.count == 2, let hours = number(zone[0], 2), let minutes = number(zone[1], 2), hours < 24,
            minutes < 60
        else { return nil }
        return (text[..<sign], (hours * 3600 + minutes * 60) * (text[sign] == "-" ? -1 : 1))
    }

    private static func number(_ text: Substring, _ digits: Int? = nil) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }),
            text.utf8.count == digits ?? text.utf8.count
        else { return nil }
        return Int64(text)
    }

    /// The digits behind a decimal point as nanoseconds.
    private static func fraction(_ digits: Substring) -> Int64? {
        guard !digits.isEmpty, digits.utf8.count <= 9, let value = number(digits) else { return nil }
        return (digits.utf8.count..<9).reduce(value) { value, _ in value * 10 }
    }

    private static func nanoseconds(seconds: Int64, fraction: Int64?) -> Int64? {
        guard let fraction else { return nil }
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, tooLarge) = whole.addingReportingOverflow(fraction)
        return overflow || tooLarge ? nil : sum
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        switch month {
        case 2: return isLeap ? 29 : 28
        case 4, 6, 9, 11: return 30
        default: return 31
        }
    }

    /// Days since 1970-01-01, by years that start in March (so that the leap day is the last).
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
