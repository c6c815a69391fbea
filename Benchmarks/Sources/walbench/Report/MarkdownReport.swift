import Foundation

/// The results as docs/benchmarks.md: a table of everything beside the targets, then each workload by itself.
struct MarkdownReport {
    private let record: Record
    /// Where the charts are, relative to the document.
    private let charts: String

    init(_ record: Record, charts: String) {
        self.record = record
        self.charts = charts
    }

    var text: String {
        var lines = introduction
        lines += summary
        for chart in Chart.all where !chart.groups(record).isEmpty {
            lines += ["", "![\(chart.title)](\(charts)/\(chart.name).svg)"]
        }
        lines += ["", "## Each workload", ""]
        for result in record.results { lines += section(result) }
        lines += scaling
        return lines.joined(separator: "\n") + "\n"
    }

    private var introduction: [String] {
        [
            "# Benchmarks",
            "",
            "<!-- Made by `scripts/bench report FILE --markdown docs/benchmarks.md --charts docs/benchmarks`; change the program, not this file. -->",
            "",
            "`scripts/bench` measures this engine, through its public interface alone, beside other ways to keep a log and beside a *floor*:",
            "a minimal log in C (64 KiB page-aligned blocks filled under a short lock, four bytes of length per record, one fast CRC per block;",
            "no index, no metadata, no recovery), which is about the least that a log of this shape can cost. For durable appends the floor is",
            "one prewritten file, `pwrite` and `fdatasync` by whichever caller finds nobody at it, and a futex for the others; for opening there is none.",
            "",
            "Every run is a process of its own on a fresh log; the contestants take turns within each round; as much memory as the run will fill",
            "is touched and freed before it; time counts from the first append to the end of the flush; afterwards every event is read back",
            "and compared, its order included. Figures are the median [minimum – maximum]. They are good as **ratios** within one table: another",
            "machine, or another hour of this one, gives other absolute figures.",
            "",
            "What each promises when the call returns is not the same. Without fsync: here, and in the floor and `rocksdb-manual`, the event",
            "is in the process's memory until a flush; in LevelDB, RocksDB and SQLite it is with the operating system. Durable means on stable storage for all.",
            "SQLite and GRDB are used by several threads through one connection.",
            "",
            "This run: \(record.date.prefix(10)), \(record.system); \(record.processors) processors, \(record.memoryBytes >> 30) GiB; \(record.rounds) rounds, scale \(shown(record.scale)), \(Int(record.seconds / 60)) minutes.",
            "Where a target is missed, `docs/decisions/` says why.",
            "",
        ]
    }

    private func shown(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }

    // MARK: The summary

    private var summary: [String] {
        var lines = [
            "| | workload | ours | floor | ours / floor | best peer | faster than it | target |",
            "|---|---|---:|---:|---:|---:|---:|---|",
        ]
        for result in record.results {
            for ours in result.series where ours.contestant.kind == .ours && isShown(ours, in: result) {
                guard let value = ours.median(result.value) else { continue }
                let floor = result.floorSeries?.median(result.value).map { number($0) } ?? ""
                let toFloor = result.toFloor[ours.contestant.rawValue].map { number($0) + " ×" } ?? ""
                var peer = ""
                if let best = result.bestPeer, let series = result.series.first(where: { $0.contestant == best }),
                    let value = series.median(result.value)
                {
                    peer = "\(number(value)) (\(best.rawValue))"
                }
                let faster = result.toBestPeer[ours.contestant.rawValue].map { number(1 / $0) + " ×" } ?? ""
                let name = ours.contestant == .wal ? result.title : "\(result.title) (\(ours.contestant.rawValue))"
                lines.append(
                    "| \(result.id) | \(name), \(result.unit) | **\(number(value))** | \(floor) | \(toFloor) | \(peer) | \(faster) | \(result.target) |"
                )
            }
        }
        return lines
    }

    /// Another manner of ours has a row only where it is the one that counts.
    private func isShown(_ series: Series, in result: WorkloadResult) -> Bool {
        series.contestant != .walRead
    }

    // MARK: Each workload

    private func section(_ result: WorkloadResult) -> [String] {
        var lines = ["### \(result.id): \(result.title)", ""]
        lines.append(
            "| | \(result.unit) | range |" + result.also.map { " \($0.unit) |" }.joined()
                + " peak memory, MiB | on disk, MiB |")
        lines.append("|---|---:|---:|" + result.also.map { _ in "---:|" }.joined() + "---:|---:|")
        for series in result.series {
            let values = series.values(result.value)
            guard let median = series.median(result.value), let least = values.first, let most = values.last else {
                lines.append("| \(series.contestant.rawValue) | failed: \(series.failure ?? "no runs") |")
                continue
            }
            let name =
                series.contestant.kind == .ours ? "**\(series.contestant.rawValue)**" : series.contestant.rawValue
            lines.append(
                "| \(name) | \(number(median)) | \(number(least)) – \(number(most)) |"
                    + result.also.map { " \(series.median($0.name).map { number($0) } ?? "") |" }.joined()
                    + " \(series.peakBytes >> 20) | \(series.diskBytes >> 20) |")
        }
        return lines + [""]
    }

    private var scaling: [String] {
        guard !record.scaling.isEmpty else { return [] }
        var lines = [
            "## Many segments", "",
            "Segments of 16 KiB with five events of 200 B each, page cache warm, sync `never`; appends go to a segment of 64 MiB. Memory",
            "is the program's own, then with the pages of mapped files.", "",
            "| segments | open, clean | open after a kill | seek, p50 | append | drop one segment | drop half, per segment | memory | descriptors |",
            "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for row in record.scaling {
            lines.append(
                "| \(row.segments) | \(number(row.openMilliseconds)) ms | \(number(row.openAfterKillMilliseconds)) ms | \(number(row.seekMicroseconds)) µs | "
                    + "\(number(row.appendNanoseconds)) ns | \(number(row.truncateMilliseconds)) ms | \(number(row.truncateHalfMicroseconds)) µs | "
                    + "\(number(Double(row.ownBytes) / 1_048_576)) / \(number(Double(row.residentBytes) / 1_048_576)) MiB | \(row.descriptors) |"
            )
        }
        return lines
    }
}

extension WorkloadResult {
    /// The floor that ours was compared to.
    var floorSeries: Series? {
        guard let workload = Workload.all.first(where: { $0.id == id }), let floor = workload.floor else { return nil }
        return series.first { $0.contestant == floor }
    }
}
