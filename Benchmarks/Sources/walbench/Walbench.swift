import ArgumentParser
import CFloor
import Foundation

/// Measures this engine beside the floor and other logs, as docs/benchmarks.md describes.
@main
struct Walbench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "walbench",
        abstract: "Measures swift-wal beside a minimal log in C (the floor), RocksDB, LevelDB and SQLite.",
        subcommands: [RunCommand.self, ListCommand.self, ReportCommand.self, CheckCommand.self, JobCommand.self],
        defaultSubcommand: RunCommand.self)
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Runs workloads and prints tables.")

    @Option(name: .long, help: ArgumentHelp("Only these workloads, separated by commas.", valueName: "ID,…"))
    var workload = ""
    @Option(name: .long, help: ArgumentHelp("Only these contestants, separated by commas.", valueName: "NAME,…"))
    var engine = ""
    @Option(name: .long, help: "How often each contestant runs; the median counts.")
    var rounds: Int?
    @Option(name: .long, help: "Multiplies the amount of work of a run.")
    var scale: Double?
    @Flag(name: .long, help: "Three rounds of short runs, in under three minutes: a look, not a measurement.")
    var quick = false
    @Option(name: .long, help: "Where the logs are made.")
    var directory = FileManager.default.temporaryDirectory.path
    @Option(name: .long, help: ArgumentHelp("Writes everything to a file.", valueName: "FILE"))
    var json: String?
    @Flag(name: .long, inversion: .prefixedNo, help: "Also measures how costs grow with the number of segments.")
    var scaling: Bool?

    mutating func validate() throws {
        if let rounds, rounds < 1 { throw ValidationError("--rounds must be at least 1") }
        if let scale, !(scale > 0 && scale <= 100) { throw ValidationError("--scale must be above 0, at most 100") }
        for id in list(workload) where !Workload.all.contains(where: { $0.id == id }) {
            throw ValidationError("there is no workload \(id); `walbench list` shows them")
        }
        for name in list(engine) where Contestant(rawValue: name) == nil {
            throw ValidationError("there is no contestant \(name); `walbench list` shows them")
        }
    }

    private func list(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

    func run() throws {
        let chosen = list(workload)
        let engines = list(engine).compactMap(Contestant.init)
        let driver = Driver(
            workloads: Workload.all.filter { chosen.isEmpty || chosen.contains($0.id) },
            contestants: Set(engines.isEmpty ? Contestant.allCases : engines), rounds: rounds ?? (quick ? 3 : 5),
            scale: scale ?? (quick ? 0.11 : 1), directory: directory,
            tell: { FileHandle.standardError.write(Data(("walbench: " + $0 + "\n").utf8)) },
            keep: write)
        let scales = scaling ?? (chosen.isEmpty && engines.isEmpty)
        let record = try driver.run(scaling: scales ? (quick ? [1, 100, 1000] : [1, 100, 1000, 10_000]) : [])
        print(TextTables(record).text)
        try write(record)
    }

    private func write(_ record: Record) throws {
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(record).write(to: URL(fileURLWithPath: json))
    }
}

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists workloads and contestants.")

    func run() {
        for workload in Workload.all {
            print("\(workload.id)\t\(workload.title): \(workload.contestants.map(\.rawValue).joined(separator: ", "))")
        }
    }
}

/// One run, asked for by the driver.
struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "job", shouldDisplay: false)

    @Argument var description: String

    func run() throws {
        let job = try JSONDecoder().decode(Job.self, from: Data(description.utf8))
        let outcome = try job.run()
        FileHandle.standardOutput.write(try JSONEncoder().encode(outcome))
    }
}
