import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// Calls that fail while a crash is being recovered from, and a power cut on top of that.
@Suite("Faults during recovery")
struct RecoveryFaultTests {
    private static let errors = [
        ErrorNumber.io, ErrorNumber.noSpace, ErrorNumber.readOnlyFileSystem, ErrorNumber.tooManyOpenFiles,
    ]

    /// One way for the calls of a recovery to fail.
    private static let faults: [Fault] = [false, true].flatMap { isLasting in
        errors.map { Fault(isLasting: isLasting, errno: $0) }
            + [
                Fault(operations: [.write], isLasting: isLasting, effect: .partOfWrite(byteCount: 700)),
                Fault(
                    operations: [.write, .rename, .unlink, .truncate, .sync, .syncDirectory, .create],
                    isLasting: isLasting, effect: .everything),
                Fault(operations: [.read], isLasting: isLasting, effect: .halfOfRead),
            ]
    }

    /// One state of a crash in so many is recovered with every call failing in turn.
    private static let goesOnFrom = 211

    @Test(arguments: Workload.all)
    func `A recovery with a failing disk, cut short, loses nothing and can be made again`(_ workload: Workload) throws {
        let disk = SimulatedDisk()
        disk.startRecording()
        var driver = LogDriver(disk, workload, seed: 5, flaws: [])
        try driver.run(steps: 30)
        driver.end()
        let explorer = CrashExplorer(
            try #require(disk.stopRecording()), options: .init(statesPerPoint: 12, seed: 5))
        var seen = 0
        var recoveries = 0
        _ = try explorer.explore { state in
            seen += 1
            guard seen % Self.goesOnFrom == 0 else { return }
            for fault in Self.faults { recoveries += try sweep(fault, state, workload) }
        }
        print(
            "faults during recovery, \(workload): \(recoveries) recoveries, of every \(Self.goesOnFrom)th of \(seen) states"
        )
        #expect(recoveries > 50)
    }

    /// Fails every call of the recovery in turn; returns how many there were.
    private func sweep(_ fault: Fault, _ state: CrashExplorer.State, _ workload: Workload) throws -> Int {
        var fault = fault
        fault.occurrence = 1
        while true {
            let disk = SimulatedDisk(startingFrom: state.disk)
            let plan = FaultPlan()
            plan.add(fault)
            let note = "\(state.point), call \(fault.occurrence), \(fault)"
            do {
                let store = try LogStore.open(
                    logDirectory, options: workload.options,
                    environment: testEnvironment(FaultStorage(disk.backend, plan: plan), seed: 77))
                // Whatever is said to be durable now must be there after a power cut.
                if store.failure == nil { _ = try? store.sync() }
                try? store.abandon()
            } catch {
                #expect(plan.firedCount > 0, "\(note): \(error)")
            }
            #expect(disk.openHandles == 0, "\(note)")
            let choice = [CrashChoice.keepAll, .keepNone, .random][fault.occurrence % 3]
            var oracle = Oracle(
                disk.crash(choice, seed: UInt64(fault.occurrence)), workload, flaws: [],
                Expectation(state.marks), seed: UInt64(fault.occurrence))
            do { try oracle.check(fully: false) } catch { throw Violation("\(note), then \(choice): \(error)") }
            if plan.firedCount == 0 { return fault.occurrence - 1 }
            fault.occurrence += 1
        }
    }
}
