import ArgumentParser
import Foundation

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Prints the tables of a file that `run --json` wrote, or makes a document of it.")

    @Argument(help: ArgumentHelp("The file.", valueName: "JSON")) var file: String
    @Option(name: .long, help: ArgumentHelp("Writes a document in Markdown.", valueName: "FILE")) var markdown: String?
    @Option(name: .long, help: ArgumentHelp("Writes charts, as SVG files, into a directory.", valueName: "DIRECTORY"))
    var charts: String?

    func run() throws {
        let record = try JSONDecoder().decode(Record.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        guard markdown != nil || charts != nil else {
            print(TextTables(record).text)
            return
        }
        if let charts {
            try FileManager.default.createDirectory(atPath: charts, withIntermediateDirectories: true)
            for chart in Chart.all where !chart.groups(record).isEmpty {
                try chart.svg(record).write(toFile: "\(charts)/\(chart.name).svg", atomically: true, encoding: .utf8)
            }
        }
        if let markdown {
            let folder = charts.map { URL(fileURLWithPath: $0).lastPathComponent } ?? "benchmarks"
            try MarkdownReport(record, charts: folder).text.write(toFile: markdown, atomically: true, encoding: .utf8)
        }
    }
}
