import ArgumentParser
import Foundation

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Prints the tables of a file that `run --json` wrote.")

    @Argument(help: ArgumentHelp("The file.", valueName: "JSON")) var file: String

    func run() throws {
        let record = try JSONDecoder().decode(Record.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        print(TextTables(record).text)
    }
}
