import Foundation
import SegmentStore
import Synchronization
import Testing
import WalPlatform
import WalSimulation

/// The scenarios of the sweep on real files.
@Suite struct PosixSweepTests {
    /// Copies the files of a simulated disk into a directory.
    private func lay(_ disk: SimulatedDisk, into root: String) throws {
        for path in disk.files() {
            let url = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(disk.contents(of: path) ?? []).write(to: url)
        }
    }

    /// Interrupts two of three calls, and lets reads and writes do half of what they are asked for.
    private func disturbed(_ interruptions: SharedCounter) -> PosixCalls {
        let live = PosixCalls.live
        let count = SharedCounter()
        @Sendable func interrupts() -> Bool {
            guard count.increment() % 3 != 0 else { return false }
            interruptions.increment()
            return true
        }
        let failure = -ErrorNumber.interrupted
        var calls = live
        calls.open = { interrupts() ? failure : live.open($0, $1, $2) }
        calls.openAt = { interrupts() ? failure : live.openAt($0, $1, $2, $3) }
        calls.pread = { number, buffer, offset in
            if interrupts() { return Int(failure) }
            return live.pread(
                number, UnsafeMutableRawBufferPointer(rebasing: buffer.prefix((buffer.count + 1) / 2)), offset)
        }
        calls.pwrite = { number, bytes, offset in
            if interrupts() { return Int(failure) }
            return live.pwrite(
                number, UnsafeRawBufferPointer(rebasing: bytes.prefix((bytes.count + 1) / 2)), offset)
        }
        calls.syncData = { interrupts() ? failure : live.syncData($0) }
        calls.syncAll = { interrupts() ? failure : live.syncAll($0) }
        calls.truncate = { interrupts() ? failure : live.truncate($0, $1) }
        calls.allocate = { interrupts() ? failure : live.allocate($0, $1, $2) }
        calls.status = { interrupts() ? failure : live.status($0, &$1) }
        calls.statusAt = { interrupts() ? failure : live.statusAt($0, $1, &$2) }
        calls.statusFollowingLinks = { interrupts() ? failure : live.statusFollowingLinks($0, &$1) }
        calls.map = { interrupts() ? failure : live.map($0, $1, &$2) }
        calls.flock = { interrupts() ? failure : live.flock($0, $1) }
        calls.renameAt = { interrupts() ? failure : live.renameAt($0, $1, $2, $3) }
        calls.unlinkAt = { interrupts() ? failure : live.unlinkAt($0, $1) }
        calls.makeDirectory = { interrupts() ? failure : live.makeDirectory($0, $1) }
        calls.makeDirectoryAt = { interrupts() ? failure : live.makeDirectoryAt($0, $1, $2) }
        calls.removeDirectory = { interrupts() ? failure : live.removeDirectory($0) }
        calls.list = { interrupts() ? failure : live.list($0, &$1) }
        calls.nextData = { interrupts() ? failure : live.nextData($0, $1, &$2) }
        return calls
    }

    /// Interruptions and short counts never reach the seam: here is where they occur, and where they are dealt with.
    @Test(arguments: FaultScenario.all)
    func `Interrupted and cut short at every system call, a log notices nothing`(_ scenario: FaultScenario) throws {
        let directory = try TemporaryDirectory()
        try lay(try scenario.prepare(), into: directory.path)
        let interruptions = SharedCounter()
        let storage = RootedStorage(base: PosixStorage(calls: disturbed(interruptions)), root: directory.path)
        let ledger = FaultLedger(scenario)
        try scenario.run(ledger, storage)
        #expect(interruptions.value > 10)
        if let store = ledger.store, !store.options.readOnly, scenario.description != "close" {
            try ledger.append()
            try ledger.sync()
            try ledger.replay(.read)
            try ledger.verify()
        }
        ledger.abandon()
        #expect(ResourceCensus(of: directory.path).isClean)
    }

    /// The simulated disk counts what is open on it; that nothing is left behind in the process itself is shown here.
    @Test(arguments: FaultScenario.all)
    func `After any failed call no descriptor, map, lock or thread is left`(_ scenario: FaultScenario) throws {
        let original = try scenario.prepare()
        // Nothing here is about what is on stable storage.
        var calls = PosixCalls.live
        calls.syncData = { _ in 0 }
        calls.syncAll = { _ in 0 }
        for kind in [
            FaultKind(errno: ErrorNumber.io, isLasting: false),
            FaultKind(errno: ErrorNumber.tooManyOpenFiles, isLasting: true),
        ] {
            var occurrence = 1
            var hasFired = true
            while hasFired {
                let note = "\(scenario), call \(occurrence), \(kind)"
                let directory = try TemporaryDirectory()
                try lay(original, into: directory.path)
                let plan = FaultPlan()
                plan.add(kind.fault(at: occurrence))
                let base = RootedStorage(base: PosixStorage(calls: calls), root: directory.path)
                let ledger = FaultLedger(scenario, spawns: true)
                // Errors are judged by the sweep on the simulated disk; here it is enough that they came.
                try? scenario.run(ledger, FaultStorage(base, plan: plan))
                hasFired = plan.firedCount > 0
                plan.clear()
                ledger.abandon()
                let deadline = ContinuousClock.now + .seconds(20)
                while ledger.threads.value > 0, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.001) }
                #expect(ledger.threads.value == 0, "\(note)")
                let census = ResourceCensus(of: directory.path)
                #expect(census.isClean, "\(note): \(census)")
                #expect(!(try base.isLocked("/log/LOCK")), "\(note)")
                occurrence += 1
            }
        }
    }
}

/// What this process has open of the files under a directory.
private struct ResourceCensus: CustomStringConvertible {
    var descriptors: [String] = []
    var maps: [String] = []

    var isClean: Bool { descriptors.isEmpty && maps.isEmpty }
    var description: String { "descriptors \(descriptors), maps \(maps)" }

    init(of root: String) {
        #if os(Linux)
        let manager = FileManager.default
        // Another test may close a number between the listing and the look at it.
        for number in (try? manager.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            let target = try? manager.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + number)
            if let target, target.hasPrefix(root) { descriptors.append(target) }
        }
        let text = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        maps = text.split(separator: "\n").filter { $0.contains(root) }.map(String.init)
        #endif
    }
}
