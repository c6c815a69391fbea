import Foundation

/// Runs jobs in processes of their own and reads what they print.
struct ChildProcess {
    /// - Parameter mayDie: a job that ends itself by a signal is a good one.
    static func run(_ job: Job, mayDie: Bool = false) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["job", String(decoding: try JSONEncoder().encode(job), as: UTF8.self)]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        if mayDie, process.terminationReason == .uncaughtSignal { return Outcome() }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw BenchmarkError.engine(
                "\(job.workload) of \(job.contestant.rawValue) ended with status \(process.terminationStatus)")
        }
        return try JSONDecoder().decode(Outcome.self, from: data)
    }
}
