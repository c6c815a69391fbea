import Foundation
import Wal

/// The process that is killed: writes, waits now and then until all of it is durable, and tells its parent so.
struct ChildWriter {
    private let arguments: Arguments

    init(_ arguments: Arguments) {
        self.arguments = arguments
    }

    func run() throws {
        guard let path = arguments.childLog else { return }
        let workload = try Workload(arguments)
        let log = try WriteAheadLog.open(at: path, options: MainJob.options(sync: .batch))
        Ledger.start(on: log)
        var writer = EventWriter(log: log, workload: workload)
        while writer.next < workload.count {
            for _ in 0..<500 where writer.next < workload.count { try writer.appendUnit() }
            let acknowledged = LSN(UInt64(writer.next))
            try log.waitDurable(acknowledged)
            // Said only once it is true; a line is short enough for a pipe to take it whole.
            try FileHandle.standardOutput.write(
                contentsOf: Data("\(acknowledged) \(writer.hash.value)\n".utf8))
        }
        // The parent kills us before this; if it is late, we wait for it.
        while FileHandle.standardInput.availableData.count > 0 {}
    }
}

/// What the child is known to have been told to be durable.
struct Acknowledgement: Equatable {
    var lsn: LSN
    var hash: UInt64
}

/// Runs the child until it has had enough acknowledged, and kills it while it goes on writing.
struct Killing {
    /// The last acknowledgement that came out of the child.
    private(set) var acknowledged = Acknowledgement(lsn: 0, hash: RunningHash().value)
    private(set) var seconds = 0.0

    init(log: String, arguments: Arguments, killAfter: Int) throws {
        let process = Process()
        process.executableURL = Self.ownExecutable
        process.arguments = arguments.forChild(log: log)
        let (output, input) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardInput = input
        let start = ContinuousClock.now
        try process.run()
        // Whatever goes wrong here, no child must be left behind.
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

        var random = SplitMix(state: arguments.seed)
        var text = ""
        var isKilled = false
        while case let data = output.fileHandleForReading.availableData, !data.isEmpty {
            text += String(decoding: data, as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            for line in lines.dropLast() { try note(line) }
            text = lines.last.map(String.init) ?? ""
            if !isKilled, acknowledged.lsn.rawValue >= UInt64(killAfter) {
                // At some moment of its further writing. What it still says until then is read above.
                usleep(UInt32(random.next() % 20_000))
                kill(process.processIdentifier, SIGKILL)
                isKilled = true
            }
        }
        process.waitUntilExit()
        let elapsed = start.duration(to: .now).components
        seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
        try check(
            isKilled && process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL,
            "the writing process ended by itself, with status \(process.terminationStatus)")
    }

    private mutating func note(_ line: Substring) throws {
        let numbers = line.split(separator: " ").compactMap { UInt64($0) }
        try check(numbers.count == 2, "the writing process said “\(line)”")
        acknowledged = Acknowledgement(lsn: LSN(numbers[0]), hash: numbers[1])
    }

    private static var ownExecutable: URL {
        let own = "/proc/self/exe"
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: own)) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: path)
    }
}
