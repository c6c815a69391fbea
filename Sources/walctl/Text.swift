import Wal

/// The text without control characters: a terminal would obey those in a file's name.
func printable(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
        scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
            ? scalar.escaped(asASCII: true) : String(scalar)
    }.joined()
}

/// A size as people read it, such as `33.1 MiB`.
func naturalSize(_ bytes: UInt64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
        value /= 1024
        unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\(decimals(value, 1)) \(units[unit])"
}

/// A number with that many digits behind the point.
func decimals(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value * scale).rounded()
    guard digits > 0, scaled.isFinite, abs(scaled) < 1e15 else { return String(value.rounded()) }
    let whole = Int64(scaled / scale)
    let rest = String(abs(Int64(scaled)) % Int64(scale))
    return "\(whole)." + String(repeating: "0", count: digits - rest.count) + rest
}

/// A duration as people read it, such as `3.5 h`.
func naturalDuration(_ duration: Duration) -> String {
    let (whole, attoseconds) = duration.components
    let seconds = Double(whole) + Double(attoseconds) / 1e18
    let units: [(String, Double)] = [("d", 86_400), ("h", 3600), ("min", 60)]
    for (name, length) in units where abs(seconds) >= length { return "\(decimals(seconds / length, 1)) \(name)" }
    return "\(decimals(seconds, 1)) s"
}

/// A count and its noun: `1 event`, `2 events`.
func counted(_ count: some BinaryInteger, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}

/// The text moved to the right edge of a column.
func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

/// A moment as in RFC 3339, in UTC and to the nanosecond: `2026-01-31T12:00:00.000000001Z`.
func timestamp(_ time: EventTime) -> String {
    let billion: Int64 = 1_000_000_000
    let seconds = floorDivide(time.nanosecondsSince1970, billion)
    // Not the difference: near the earliest time the product does not fit.
    let rest = time.nanosecondsSince1970 % billion
    let nanoseconds = rest < 0 ? rest + billion : rest
    let days = floorDivide(seconds, 86_400)
    let second = seconds - days * 86_400
    // The civil date of a day number, by years that start in March (so that the leap day is the last).
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return zeros(year, 4) + "-" + zeros(month, 2) + "-" + zeros(day, 2) + "T" + zeros(second / 3600, 2) + ":"
        + zeros(second / 60 % 60, 2) + ":" + zeros(second % 60, 2) + "." + zeros(nanoseconds, 9) + "Z"
}

/// The same to the second: `2026-01-31T12:00:00Z`.
func shortTimestamp(_ time: EventTime) -> String {
    timestamp(time).prefix { $0 != "." } + "Z"
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}

private func zeros(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// A rate as a whole number, or the largest there is: where the clock stands still, it may be anything.
func wholeNumber(_ value: Double) -> UInt64 {
    value < 18_446_744_073_709_549_568 ? UInt64(max(0, value)) : .max
}
