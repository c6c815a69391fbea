import Dispatch
import Foundation
import SegmentStore
import WalPlatform

/// Explorations of all workloads in turn, seed after seed, on all processors, until a time is up or a count is reached.
final class Campaign: Sendable {
    struct Result: Sendable {
        var states: [Int] = []
        var repeated = 0
        var explorations = 0
        var coverage = RecoveryCoverage()
        var failures: [CrashReport] = []

        var total: Int { states.reduce(0, +) }
    }

    private struct Progress: Sendable {
        var next = 0
        var result = Result()
        var lastLine = ContinuousClock.now
    }

    private static let failuresMax = 20
    private static let linesEvery = Duration.seconds(30)

    private let workloads: [Workload]
    private let firstSeed: UInt64
    private let deadline: ContinuousClock.Instant?
    private let statesMax: Int
    private let start: ContinuousClock.Instant
    private let progress = Guarded(Progress())

    init(_ workloads: [Workload], firstSeed: UInt64, seconds: Int?, states: Int?) {
        self.workloads = workloads
        self.firstSeed = firstSeed
        let start = ContinuousClock.now
        self.start = start
        deadline = seconds.map { start + .seconds($0) }
        statesMax = states ?? .max
    }

    func run() throws -> Result {
        let errors = Guarded<[any Error]>([])
        DispatchQueue.concurrentPerform(iterations: ProcessInfo.processInfo.activeProcessorCount) { _ in
            do {
                while let (workload, seed) = next() { try explore(workload, seed) }
            } catch {
                errors.withLock { $0.append(error) }
            }
        }
        if let first = errors.withLock({ $0.first }) { throw first }
        return progress.withLock { $0.result }
    }

    private func next() -> (Workload, UInt64)? {
        progress.withLock { progress in
            if let deadline, ContinuousClock.now >= deadline { return nil }
            let result = progress.result
            guard result.total < statesMax, result.failures.count < Self.failuresMax else { return nil }
            let number = progress.next
            progress.next += 1
            return (workloads[number % workloads.count], firstSeed &+ UInt64(number / workloads.count))
        }
    }

    private func explore(_ workload: Workload, _ seed: UInt64) throws {
        var exploration = Exploration(workload, seed: seed)
        exploration.deadline = deadline
        var failure: CrashReport?
        do {
            try exploration.run()
        } catch let report as CrashReport {
            failure = report
            print("FAILED: \(report.violation)\nscripts/soak --replay '\(report.text)'")
        }
        let line = progress.withLock { progress -> String? in
            if progress.result.states.isEmpty { progress.result.states = exploration.states.map { _ in 0 } }
            for life in exploration.states.indices { progress.result.states[life] += exploration.states[life] }
            progress.result.repeated += exploration.repeated
            progress.result.explorations += 1
            progress.result.coverage.add(exploration.coverage)
            if let failure { progress.result.failures.append(failure) }
            guard ContinuousClock.now - progress.lastLine > Self.linesEvery else { return nil }
            progress.lastLine = .now
            return summary(progress.result)
        }
        if let line { print(line) }
    }

    func summary(_ result: Result) -> String {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let rate = Int(Double(result.total) / max(seconds, 0.001))
        return "\(result.total) states (by life: \(result.states)), \(result.repeated) seen before and left out, "
            + "\(result.explorations) runs, \(result.failures.count) failed, \(Int(seconds)) s, \(rate) states/s"
    }
}
