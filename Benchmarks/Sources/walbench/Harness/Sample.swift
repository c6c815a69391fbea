/// What one run of one contestant showed.
struct Sample: Codable, Sendable {
    /// By name; the workload says which is the one that counts, and in what unit.
    var values: [String: Double]
    /// The highest resident memory of the process up to the end of the timed part, in bytes.
    var peakBytes: UInt64 = 0
    /// What the log takes on disk.
    var diskBytes: UInt64 = 0

    init(_ values: [String: Double]) {
        self.values = values
    }

    init(nanosecondsPerEvent: Double) {
        values = ["value": nanosecondsPerEvent]
    }
}

/// The rounds of one contestant in one workload.
struct Series: Codable, Sendable {
    var contestant: Contestant
    var samples: [Sample] = []
    /// Why there is nothing.
    var failure: String?

    func values(_ name: String) -> [Double] { samples.compactMap { $0.values[name] }.sorted() }

    func median(_ name: String = "value") -> Double? {
        let sorted = values(name)
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }

    var peakBytes: UInt64 { samples.map(\.peakBytes).max() ?? 0 }
    var diskBytes: UInt64 { samples.map(\.diskBytes).max() ?? 0 }
}

/// All of one workload.
struct WorkloadResult: Codable, Sendable {
    /// Another value of the samples worth a column.
    struct Column: Codable, Sendable {
        var name: String
        var unit: String
    }

    var id: String
    var title: String
    var unit: String
    var lowerIsBetter: Bool
    var target: String
    /// The name of the value that counts.
    var value: String
    var also: [Column]
    var series: [Series]
    /// What ours costs as a multiple of the floor and of the best peer, by contestant of ours: above 1, ours is the slower.
    var toFloor: [String: Double] = [:]
    var toBestPeer: [String: Double] = [:]
    var bestPeer: Contestant?
}

/// Everything of one run of the program, as written by `--json`.
struct Record: Codable, Sendable {
    var date: String
    var system: String
    var processors: Int
    var memoryBytes: UInt64
    var rounds: Int
    var scale: Double
    var seconds: Double
    var results: [WorkloadResult]
    var scaling: [ScaleRow]
}

enum BenchmarkError: Error, CustomStringConvertible {
    case wrongContents(String)
    case engine(String)
    case unsupported(String)

    var description: String {
        switch self {
        case .wrongContents(let what): "wrong contents: \(what)"
        case .engine(let what): what
        case .unsupported(let what): "can't do \(what)"
        }
    }
}
