import CTorture
import Glibc

/// Shuts a mounted ext4 or xfs down under the writing process, as a power cut would.
struct ShutdownRig {
    private var rig: Rig
    private let device: String
    private let type: String
    private let livesOfALog: UInt64 = 25

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
        device = try arguments.text("device")
        type = try arguments.text("type")
    }

    mutating func run() throws -> CInt {
        for group in rig.groups() {
            if rig.isLast(group) { break }
            try RigFailure.check(torture_mount(device, rig.folder, type), "mounting \(device)")
            var log = KilledLog(path: "\(rig.folder)/log-\(group)", seed: SplitMix.mixed(rig.seed, group))
            for life in 1...livesOfALog where !rig.isOver {
                guard try runLife(&log, rig.place(group, life)) else { break }
            }
            _ = system("rm -rf '\(log.path)'")
            try RigFailure.check(torture_unmount(rig.folder), "unmounting \(device)")
        }
        return rig.tally.finish()
    }

    private mutating func runLife(_ log: inout KilledLog, _ place: String) throws -> Bool {
        var generator = SplitMix(log.seed, log.life, 7)
        var child = try log.start(rig, steps: .max, mapped: true, reopens: false)
        let ended = try child.listen(milliseconds: Int(generator.pick(1...120))) { log.note($0) }
        if ended { rig.tally.add(.wrong("the process ended by itself: \(child.complaint())"), at: place) }
        // A sync that is under way while the file system goes down may return without an error, so all must stand still.
        if !ended { try child.stop() }
        try child.drain { log.note($0) }
        try RigFailure.check(torture_shut_down(rig.folder), "shutting \(type) down")
        child.kill()
        _ = try child.wait()
        try RigFailure.check(torture_unmount(rig.folder), "unmounting \(device)")
        try RigFailure.check(torture_mount(device, rig.folder, type), "mounting \(device)")
        rig.tally.rounds += 1
        let finding = rig.check(
            log.checker(mapped: true), survived: .powerCut, keepsAll: generator.chance(70), at: place)
        if let finding { log.found(finding) }
        return finding != nil
    }
}
