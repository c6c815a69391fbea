import Foundation

/// A bar chart of some workloads, one group of bars for each, as an SVG file that stands on light and on dark pages.
struct Chart {
    struct Bar {
        var name: String
        var value: Double
        var kind: Contestant.Kind
    }

    struct Group {
        var title: String
        var bars: [Bar]
    }

    var name: String
    var title: String
    var unit: String
    var lowerIsBetter: Bool
    /// The workloads shown, and the value of the samples (nil: the one that counts).
    var workloads: [String]
    var value: String?

    static let all = [
        Chart(
            name: "append", title: "Appends without fsync", unit: "ns per event", lowerIsBetter: true,
            workloads: ["W1", "W2", "W2b", "W3", "W3b"]),
        Chart(
            name: "durable", title: "Durable appends", unit: "operations per second", lowerIsBetter: false,
            workloads: ["W5", "W6", "W6b", "W6c"], value: "rate"),
        Chart(
            name: "read", title: "Replay of 256 B events", unit: "ns per event", lowerIsBetter: true,
            workloads: ["W7", "W7o", "W8"]),
        Chart(
            name: "find", title: "First event at a random place", unit: "µs", lowerIsBetter: true, workloads: ["W9"]),
    ]

    func groups(_ record: Record) -> [Group] {
        workloads.compactMap { id in
            guard let result = record.results.first(where: { $0.id == id }) else { return nil }
            let bars = result.series.compactMap { series in
                series.median(value ?? result.value).map {
                    Bar(name: series.contestant.rawValue, value: $0, kind: series.contestant.kind)
                }
            }
            return bars.isEmpty ? nil : Group(title: "\(id)  \(result.title)", bars: bars)
        }
    }

    func svg(_ record: Record) -> String {
        let groups = groups(record)
        let values = groups.flatMap { $0.bars.map(\.value) }.filter { $0 > 0 }
        guard let least = values.min(), let most = values.max() else { return "" }
        let (width, left, right, rowHeight, headHeight) = (760.0, 130.0, 90.0, 18.0, 30.0)
        // Bars begin at a power of ten below the least.
        let origin = floor(log10(least) - 0.15)
        let perDecade = (width - left - right) / max(log10(most) - origin, 1)
        var y = 58.0
        var body = ""
        for group in groups {
            body += text(16, y + 14, group.title, "head")
            y += headHeight - 6
            for bar in group.bars {
                let length = max((log10(max(bar.value, least)) - origin) * perDecade, 1)
                body += text(left - 8, y + 12.5, bar.name, "label")
                body +=
                    #"<rect x="\#(left)" y="\#(y + 2)" width="\#(rounded(length))" height="\#(rowHeight - 4)" rx="2" class="\#(bar.kind.rawValue)"/>"#
                    + "\n"
                body += text(left + length + 6, y + 12.5, number(bar.value), "value")
                y += rowHeight
            }
            y += 12
        }
        let height = y + 6
        let better = lowerIsBetter ? "shorter is better" : "longer is better"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" width="\(Int(width))" height="\(Int(height))" role="img" aria-label="\(escaped(title))">
            <style>
            svg { font: 12px system-ui, sans-serif; --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --ours: #d9480f; --floor: #adb5bd; --peer: #4c6ef5 }
            @media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --ours: #ff7a3d; --floor: #6e7781; --peer: #748ffc } }
            .paper { fill: var(--paper) } text { fill: var(--ink) } .title { font-size: 16px; font-weight: 600 } .soft, .value { fill: var(--soft) }
            .head { font-weight: 600 } .label { text-anchor: end } .ours { fill: var(--ours) } .floor { fill: var(--floor) } .peer { fill: var(--peer) }
            </style>
            <rect class="paper" width="100%" height="100%" rx="6"/>
            \(text(16, 26, title, "title"))\(text(16, 46, "\(unit), logarithmic; \(better)", "soft"))\(body)</svg>

            """
    }

    private func rounded(_ value: Double) -> String { String(format: "%.1f", value) }

    private func text(_ x: Double, _ y: Double, _ content: String, _ style: String) -> String {
        #"<text x="\#(rounded(x))" y="\#(rounded(y))" class="\#(style)">\#(escaped(content))</text>"# + "\n"
    }

    private func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: "\"", with: "&quot;")
    }
}
