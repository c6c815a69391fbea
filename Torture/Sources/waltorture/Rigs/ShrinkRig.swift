import Glibc
import Wal

/// Shortens a segment's file under a reader: read calls turn that into an error; a map ends the process, as is documented.
struct ShrinkRig {
    private var rig: Rig

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
    }

    mutating func run() throws -> CInt {
        for round in rig.groups() {
            if rig.isLast(round) { break }
            let access = round % 2 == 0 ? ReadAccess.read : .mapped
            let seed = SplitMix.mixed(rig.seed, round)
            let path = "\(rig.folder)/shrunk-\(round)"
            var writer = PlainWriter(path: path, shape: Self.shape(seed, access), reports: false)
            try writer.append(events: 2000)
            var child = try Child(
                ["shrunk", "--log", path, "--seed", "\(seed)", "--mapped", access == .mapped ? "1" : "0"],
                errors: rig.errors)
            let ended = try child.listen(milliseconds: 30_000) { _ in }
            child.kill()
            let code = try child.wait()
            rig.tally.rounds += 1
            switch code {
            case Child.Ending.stopped: rig.tally.count("\(access): error")
            case Child.Ending.done: rig.tally.count("\(access): right to the end")
            case 128 + SIGBUS where access == .mapped: rig.tally.count("\(access): SIGBUS")
            default:
                rig.tally.add(
                    .wrong("\(access): \(ended ? "ended with \(code)" : "hangs"): \(child.complaint())"),
                    at: rig.place(round, 0))
            }
            rig.tally.records += 2000
            _ = system("rm -rf '\(path)'")
        }
        return rig.tally.finish()
    }

    private static func shape(_ seed: UInt64, _ access: ReadAccess) -> LogShape {
        var shape = LogShape(seed: seed, life: 1, access: access)
        shape.options.segmentSize = 256 << 10
        shape.options.compression = .none
        return shape
    }

    /// The reader: shortens one file when it has read some events, and reads on.
    static func runShrunk(_ arguments: Arguments) throws -> CInt {
        let seed = try arguments.number("seed")
        let shape = shape(seed, arguments.flag("mapped") ? .mapped : .read)
        let log = try WriteAheadLog.open(at: try arguments.text("log"), options: shape.options)
        var generator = SplitMix(seed, 11)
        let segments = try log.segments()
        let victim = generator.pick(segments)
        // Before the reader is there, while it is there, or when it has passed.
        let moment = generator.pick(1...2000)
        var expected: UInt64 = 1
        do {
            try log.replay { event in
                if expected == moment {
                    truncate(victim.path, off_t(generator.pick(0...victim.usedBytes)))
                }
                let isRight = event.payload.withUnsafeBytes { bytes in
                    Payload(generation: 1, lsn: expected, place: .init(), sizes: shape.sizes).matches(bytes)
                }
                guard event.lsn.rawValue == expected, isRight else { throw Violation.wrong("LSN \(expected) is wrong") }
                expected += 1
                return .continue
            }
        } catch let error as WalError {
            complain("\(error)")
            return Child.Ending.stopped
        }
        guard expected == 2001 else { throw Violation.lost(2001 - expected, "reading ended before \(expected)") }
        return Child.Ending.done
    }
}
