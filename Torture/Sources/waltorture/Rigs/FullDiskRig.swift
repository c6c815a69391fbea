import Glibc
import Wal

/// Fills a small disk until the log says *disk full*, makes room by truncation, and goes on.
struct FullDiskRig {
    private var rig: Rig
    private let copiesOnWrite: Bool

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
        copiesOnWrite = try arguments.text("name").hasSuffix("btrfs")
    }

    mutating func run() throws -> CInt {
        for group in rig.groups() {
            if rig.isLast(group) { break }
            let path = "\(rig.folder)/log-\(group)"
            var filled = FilledLog(path: path, seed: SplitMix.mixed(rig.seed, group), copiesOnWrite: copiesOnWrite)
            do {
                try filled.open()
                var fills = 0
                while fills < 4, try filled.fill(until: { [rig] in rig.isOver }) {
                    try filled.checkWhileFull()
                    try filled.makeRoom()
                    fills += 1
                    rig.tally.rounds += 1
                }
                rig.tally.records += try filled.finish()
            } catch is FilledLog.Ended {
                rig.tally.rounds += 1
            } catch let violation as Violation {
                rig.tally.add(violation, at: rig.place(group, rig.tally.rounds))
            } catch {
                rig.tally.add(.wrong("\(error)"), at: rig.place(group, rig.tally.rounds))
            }
            for (note, count) in filled.notes { rig.tally.count(note, count) }
            filled.close()
            _ = system("rm -rf '\(path)'")
        }
        return rig.tally.finish()
    }
}
