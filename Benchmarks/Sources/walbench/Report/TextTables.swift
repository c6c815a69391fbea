import Foundation

/// The results as tables for a terminal.
struct TextTables {
    private let record: Record

    init(_ record: Record) { self.record = record }

    var text: String {
        var lines: [String] = []
        for result in record.results { lines += table(of: result) + [""] }
        lines += scaling
        lines.append(
            "\(record.system); \(record.processors) processors, \(record.memoryBytes >> 30) GiB; \(record.rounds) rounds, scale \(record.scale), \(Int(record.seconds)) s"
        )
        return lines.joined(separator: "\n")
    }

    private func table(of result: WorkloadResult) -> [String] {
        var lines = ["\(result.id)  \(result.title) [\(result.unit)]   target: \(result.target)"]
        for series in result.series {
            let name = series.contestant.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0)
            let values = series.values(result.value)
            guard let median = series.median(result.value), let least = values.first, let most = values.last else {
                lines.append("  \(name) failed: \(series.failure ?? "no runs")")
                continue
            }
            var line = "  \(name) \(number(median, width: 10))  [\(number(least)) – \(number(most))]"
            if let ratio = result.toFloor[series.contestant.rawValue] { line += "  \(number(ratio)) × floor" }
            if let ratio = result.toBestPeer[series.contestant.rawValue], let best = result.bestPeer {
                line += "  \(number(1 / ratio)) × faster than \(best.rawValue)"
            }
            for column in result.also {
                if let value = series.median(column.name) { line += "  \(number(value)) \(column.unit)" }
            }
            line += "  peak \(series.peakBytes >> 20) MiB"
            if let failure = series.failure { line += "  then failed: \(failure)" }
            lines.append(line)
        }
        return lines
    }

    private var scaling: [String] {
        guard !record.scaling.isEmpty else { return [] }
        var lines = [
            "Scaling: segments, open ms, after kill ms, seek µs, append ns, truncate one ms, half µs per segment, MiB own, descriptors"
        ]
        for row in record.scaling {
            let values = [
                row.openMilliseconds, row.openAfterKillMilliseconds, row.seekMicroseconds, row.appendNanoseconds,
                row.truncateMilliseconds, row.truncateHalfMicroseconds, Double(row.ownBytes) / 1_048_576,
                Double(row.descriptors),
            ]
            lines.append(
                "  " + String(row.segments).padding(toLength: 8, withPad: " ", startingAt: 0)
                    + values.map { number($0, width: 10) }.joined())
        }
        return lines + [""]
    }
}

/// A number with three or four digits that mean something.
func number(_ value: Double, width: Int = 0) -> String {
    let digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 1 ? 2 : 3
    return String(format: "%\(width == 0 ? "" : String(width)).\(digits)f", value)
}
