import CTorture
import Glibc
import Wal

/// Runs a log under limits of the process: the size of a file, and the number of descriptors.
struct LimitRig {
    private var rig: Rig

    /// What a limited process does.
    private enum Limit: String, CaseIterable {
        /// Files may not grow to a segment's size, and the signal is ignored.
        case fileSizeIgnored = "file-size-ignored"
        /// The same where the signal ends the process, as it does unless somebody asks otherwise.
        case fileSizeDefault = "file-size-default"
        case descriptors = "descriptors"
    }

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
    }

    mutating func run() throws -> CInt {
        for round in rig.groups() {
            if rig.isLast(round) { break }
            let limit = Limit.allCases[Int(round % UInt64(Limit.allCases.count))]
            let seed = SplitMix.mixed(rig.seed, round)
            let path = "\(rig.folder)/limit-\(round)"
            var child = try Child(
                ["limited", "--log", path, "--seed", "\(seed)", "--limit", limit.rawValue], errors: rig.errors)
            var history = History()
            let ended = try child.listen(milliseconds: 30_000) { history.apply($0) }
            child.kill()
            let code = try child.wait()
            rig.tally.rounds += 1
            let place = rig.place(round, 0)
            switch code {
            case Child.Ending.done: rig.tally.count("\(limit.rawValue): typed errors")
            case 128 + SIGXFSZ where limit == .fileSizeDefault: rig.tally.count("\(limit.rawValue): ended by SIGXFSZ")
            default:
                rig.tally.add(
                    .wrong("\(limit.rawValue): \(ended ? "ended with \(code)" : "hangs"): \(child.complaint())"),
                    at: place)
            }
            let checker = Checker(path: path, shape: LogShape(seed: seed, life: 1), history: history)
            _ = rig.check(checker, survived: .kill, keepsAll: true, at: place)
            _ = system("rm -rf '\(path)' '\(path)-new'")
        }
        return rig.tally.finish()
    }

    /// The limited process.
    static func runLimited(_ arguments: Arguments) throws -> CInt {
        let path = try arguments.text("log")
        let seed = try arguments.number("seed")
        guard let limit = Limit(rawValue: try arguments.text("limit")) else { return 64 }
        var generator = SplitMix(seed, 10)
        var shape = LogShape(seed: seed, life: 1)
        var writer = PlainWriter(path: path, shape: shape, reports: true)
        // Room for some segments first, so that there is something to lose.
        try writer.append(events: 2000)
        switch limit {
        case .descriptors:
            try RigFailure.check(torture_limit_descriptors(generator.pick(7...24)), "limiting descriptors")
            shape.options.readAccess = .read
        case .fileSizeDefault, .fileSizeIgnored:
            // Beyond what is there, and below the next segment's size.
            shape.options.segmentSize = 4 << 20
            try RigFailure.check(
                torture_limit_file_size(generator.pick(300_000...3_000_000), limit == .fileSizeIgnored ? 1 : 0),
                "limiting file sizes")
        }
        writer.shape = shape
        do {
            if generator.chance(30) { try WriteAheadLog.open(at: path + "-new", options: shape.options).close() }
            try writer.append(events: 5000)
            try writer.readAll()
        } catch let error as WalError {
            let expected: [WalError.Code] = [.tooManyOpenFiles, .unavailable, .io, .failed, .diskFull, .noThread]
            complain("\(error)")
            return expected.contains(error.code) ? Child.Ending.done : Child.Ending.violated
        }
        return Child.Ending.done
    }
}
