import Glibc
import Wal

/// Kills the writing process and cuts the power of a file system that then loses any part of what was not synced; makes its
/// calls fail; flips bits in it.
struct LossyRig {
    private var rig: Rig
    private let disk: LossyDisk
    private let livesOfALog: UInt64 = 20
    private let steps: UInt64 = 120

    /// What ends a life.
    private enum Ending {
        case cutAtOperation
        case cutAtSomeTime
        case killed
        case fault
    }

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
        disk = LossyDisk(folder: rig.folder)
    }

    mutating func run() throws -> CInt {
        for group in rig.groups() {
            if rig.isLast(group) { break }
            let seed = SplitMix.mixed(rig.seed, group)
            var generator = SplitMix(seed, 5)
            let isLax = generator.chance(25)
            try disk.setLax(isLax)
            var log = KilledLog(path: "\(rig.folder)/log-\(group)", seed: seed)
            for life in 1...livesOfALog where !rig.isOver {
                guard try runLife(&log, rig.place(group, life)) else { break }
                if generator.chance(15) { try rot(log, generator.next(), rig.place(group, life)) }
            }
            _ = system("rm -rf '\(log.path)'")
        }
        return rig.tally.finish()
    }

    private mutating func runLife(_ log: inout KilledLog, _ place: String) throws -> Bool {
        var generator = SplitMix(log.seed, log.life, 6)
        let ending = generator.pick(
            [.cutAtOperation, .cutAtOperation, .cutAtOperation, .cutAtSomeTime, .killed, .fault, .fault] as [Ending])
        switch ending {
        case .cutAtOperation: try disk.cut(at: generator.pickByMagnitude(below: 10), &generator)
        case .fault: try arm(&generator)
        case .cutAtSomeTime, .killed: break
        }
        var child = try log.start(rig, steps: steps, mapped: false, reopens: true)
        // The moment is that of a kill; whoever runs into a cut ends by itself.
        let moment = ending == .cutAtSomeTime || ending == .killed ? generator.pick(1...80) : 20_000
        var ended = try child.listen(milliseconds: Int(moment)) { log.note($0) }
        let hangs = !ended && moment == 20_000
        child.kill()
        if !ended { ended = try child.listen(milliseconds: 20_000) { log.note($0) } }
        let code = try child.wait()
        rig.tally.rounds += 1
        let status = try disk.status
        rig.tally.count("faults", status.struck)
        judge(code, hangs: hangs, isExcused: status.isDead || ending == .fault, child.complaint(), place)
        let cutsPower = ending != .killed && (ending != .fault || generator.chance(70))
        if cutsPower {
            if !status.isDead { try disk.cut(&generator) }
            rig.tally.count("power cuts")
        }
        try disk.restore()
        return try check(&log, survived: cutsPower ? .powerCut : .kill, &generator, place)
    }

    private mutating func judge(_ code: CInt, hangs: Bool, isExcused: Bool, _ complaint: String, _ place: String) {
        if hangs { return rig.tally.add(.wrong("the process hangs: \(complaint)"), at: place) }
        switch code {
        case Child.Ending.done, Child.Ending.killed: break
        case Child.Ending.stopped where isExcused: break
        default: rig.tally.add(.wrong("the process ended with \(code): \(complaint)"), at: place)
        }
    }

    /// One kind of call fails, once or for a while; a lack of room lasts.
    private func arm(_ generator: inout SplitMix) throws {
        let times = generator.chance(70) ? 1 : generator.pick(2...50)
        let (operation, error) = generator.pick(
            [
                ("sync", EIO), ("sync", EIO), ("sync", EIO), ("sync-directory", EIO), ("write", EIO), ("write", ENOSPC),
                ("write", 0), ("write", 0), ("create", ENOSPC), ("create", EMFILE), ("allocate", ENOSPC),
                ("allocate", EOPNOTSUPP), ("rename", EIO), ("unlink", EIO), ("truncate", EIO), ("sync", ENOSPC),
                ("read", EIO),
            ] as [(String, CInt)])
        // Some kinds of calls are rare.
        let soon = generator.pickByMagnitude(below: operation == "sync" || operation == "write" ? 7 : 4)
        if generator.chance(15) {
            try disk.limit(bytes: generator.pick(100_000...600_000))
        } else {
            try disk.fail(LossyFault(operation: operation, countdown: soon, error: error, times: times))
        }
    }

    /// Checks the log; now and then the power fails during the first attempts, that is, during recovery.
    private mutating func check(
        _ log: inout KilledLog, survived: Survival, _ generator: inout SplitMix, _ place: String
    ) throws -> Bool {
        var survived = survived
        while generator.chance(20) {
            try disk.cut(at: generator.pickByMagnitude(below: 6), &generator)
            var finding: Checker.Finding?
            do {
                finding = try log.checker(mapped: false).check(survived: survived, keepsAll: true)
            } catch is Checker.Refusal {
                // Judged by what is found next.
            } catch let violation as Violation {
                rig.tally.add(violation, at: place)
            }
            if let finding { log.found(finding) }
            if try !disk.status.isDead { try disk.cut(&generator) }
            try disk.restore()
            survived = .powerCut
            rig.tally.count("power cuts in recovery")
        }
        let finding = rig.check(
            log.checker(mapped: true), survived: survived, keepsAll: generator.chance(60), at: place)
        if let finding { log.found(finding) }
        return finding != nil
    }

    /// A flipped bit must be noticed or make no difference.
    private mutating func rot(_ log: KilledLog, _ seed: UInt64, _ place: String) throws {
        let checker = log.checker(mapped: false)
        let orderly = try WriteAheadLog.open(at: log.path, options: checker.shape.options)
        try orderly.shutdown()
        try disk.rot(seed: seed)
        defer { rig.tally.count("flipped bits") }
        do {
            try checker.checkReading(expectedLast: orderly.lastLSN.rawValue)
        } catch let violation as Violation {
            rig.tally.add(violation, at: place)
        } catch {
            rig.tally.count("flipped bits that were reported")
        }
        try disk.heal()
    }
}
