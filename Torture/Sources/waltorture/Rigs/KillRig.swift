import Glibc

/// Kills the writing process at random moments, many lives on one log.
struct KillRig {
    private var rig: Rig
    private let livesOfALog: UInt64 = 25
    private static let longest: UInt64 = 20_000

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
    }

    mutating func run() throws -> CInt {
        for group in rig.groups() {
            if rig.isLast(group) { break }
            var log = KilledLog(path: "\(rig.folder)/log-\(group)", seed: SplitMix.mixed(rig.seed, group))
            for life in 1...livesOfALog where !rig.isOver {
                guard try runLife(&log, rig.place(group, life)) else { break }
            }
            _ = system("rm -rf '\(log.path)'")
        }
        return rig.tally.finish()
    }

    private mutating func runLife(_ log: inout KilledLog, _ place: String) throws -> Bool {
        var generator = SplitMix(log.seed, log.life, 4)
        var child = try log.start(rig, steps: .max, mapped: true, reopens: false)
        let moment = generator.chance(20) ? generator.pick(0...12) : generator.pick(5...60)
        let ended = try child.listen(milliseconds: Int(moment)) { log.note($0) }
        child.kill()
        let closed = try child.listen(milliseconds: 20_000) { log.note($0) }
        let ending = try child.wait()
        rig.tally.rounds += 1
        if ended || !closed || ending != Child.Ending.killed {
            rig.tally.add(.wrong("the process ended by itself, \(ending): \(child.complaint())"), at: place)
        }
        let finding = rig.check(log.checker(mapped: true), survived: .kill, keepsAll: generator.chance(50), at: place)
        if let finding { log.found(finding) }
        return finding != nil
    }
}
