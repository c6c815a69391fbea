import Glibc
import Wal

/// A log on a disk that is filled up, and what it must keep.
struct FilledLog {
    private let path: String
    /// Whether the file system overwrites nothing in place.
    private let copiesOnWrite: Bool
    private let shape: LogShape
    private var generator: SplitMix
    private var log: WriteAheadLog?
    /// The newest event accepted: with its LSN assigned it is kept, in memory if need be.
    private var accepted: UInt64 = 0
    private var first: UInt64 = 1
    private(set) var notes: [String: UInt64] = [:]

    init(path: String, seed: UInt64, copiesOnWrite: Bool) {
        self.path = path
        self.copiesOnWrite = copiesOnWrite
        generator = SplitMix(seed, 9)
        var shape = LogShape(seed: seed, life: 1)
        shape.options.segmentSize = generator.pick([1 << 20, 4 << 20])
        // One that fails at once, so that nobody waits for room that this thread has to make.
        shape.options.backPressure = .fail
        // Filling is not what is tested: large groups make it short.
        shape.options.queueBytes = 1 << 20
        self.shape = shape
    }

    mutating func open() throws {
        let opened = try WriteAheadLog.open(at: path, options: shape.options)
        log = opened
        accepted = opened.lastLSN.rawValue
    }

    func close() { try? log?.close() }

    /// Appends until there is no room; returns false if the time is over before.
    mutating func fill(until isOver: () -> Bool) throws -> Bool {
        while accepted % 64 != 0 || !isOver() {
            let error = attempt(.append, try openLog())
            switch error?.code {
            case nil: accepted += 1
            case .queueFull: usleep(200)
            case .diskFull:
                count("disk full")
                return true
            case .failed:
                // A sync found no room, so nobody knows what the disk holds until it is opened again.
                count("failed by a sync without room")
                try reopen()
                return true
            default: if let error { throw error }
            }
        }
        return false
    }

    /// Reading works, and what is accepted stays so.
    mutating func checkWhileFull() throws {
        let log = try openLog()
        let last = log.lastLSN.rawValue
        let durable = log.durableLSN.rawValue
        try check(log, through: last)
        if generator.chance(40) {
            count("opened again while full")
            try? log.close()
            try reopen()
            if accepted < durable {
                throw Violation.lost(durable - accepted, "it ends at \(accepted), durable was \(durable)")
            }
        }
    }

    /// Drops old events until appends are taken again; what was accepted is then durable.
    mutating func makeRoom() throws {
        try truncate(keeping: generator.pick(5...50))
        let log = try openLog()
        let deadline = Stopwatch.milliseconds() + 10_000
        for step in [Step.sync, .append, .sync] {
            while let error = attempt(step, log) {
                if error.code == .failed {
                    count("failed by a sync without room")
                    return try reopen()
                }
                guard error.code == .diskFull || error.code == .queueFull else { throw error }
                if Stopwatch.milliseconds() > deadline {
                    throw Violation.wrong("it stays full after a truncation: \(error)")
                }
                usleep(10_000)
            }
            if step == .append { accepted += 1 }
        }
        try check(log, through: accepted)
    }

    private mutating func truncate(keeping percent: UInt64) throws {
        for isLast in [false, false, false, true] {
            let log = try openLog()
            let cut = max(first, first + (log.lastLSN.rawValue - first) * (100 - percent) / 100)
            do throws(WalError) {
                try log.truncate(before: LSN(cut))
                first = cut
                return
            } catch {
                guard error.code == .failed || error.code == .diskFull, !isLast else { throw error }
            }
            // Where nothing is overwritten in place, even a truncation may find no room.
            count("truncation without room")
            try reopen()
            first = try openLog().firstLSN.rawValue
        }
    }

    private enum Step {
        case append
        case sync
    }

    /// Takes a step; returns what it threw.
    private func attempt(_ step: Step, _ log: WriteAheadLog) -> WalError? {
        let payload = payload(accepted + 1)
        do throws(WalError) {
            switch step {
            case .append: _ = try log.append(payload.bytes, meta: payload.meta)
            case .sync: try log.sync()
            }
            return nil
        } catch {
            return error
        }
    }

    /// Closes in order and looks at all of it; returns how many events there were.
    mutating func finish() throws -> UInt64 {
        try openLog().shutdown()
        let kept = accepted
        try open()
        if accepted != kept {
            throw Violation.lost(kept - min(kept, accepted), "it ends at \(accepted), not at \(kept)")
        }
        let log = try openLog()
        try check(log, through: accepted)
        let report = try log.verify()
        if let finding = report.findings.first(where: { $0.kind != .derivable }) { throw finding.error }
        return accepted + 1 - first
    }

    private mutating func reopen() throws {
        let durable = try openLog().durableLSN.rawValue
        try? log?.close()
        log = nil
        do {
            try open()
        } catch WalError.Code.diskFull {
            guard copiesOnWrite else { throw Violation.wrong("a log can't be opened on a full disk") }
            // Where nothing is overwritten in place even the superblock may find no room: some other file has to go first
            // (docs/operations.md). Until then all of the log can be read.
            count("not to be opened while full")
            try checkByReading(through: durable)
            throw Ended()
        }
        if accepted < durable {
            throw Violation.lost(durable - accepted, "it ends at \(accepted), durable was \(durable)")
        }
    }

    /// Nothing more can be done to the log before there is room.
    struct Ended: Error {}

    private func checkByReading(through durable: UInt64) throws {
        var options = shape.options
        options.readOnly = true
        let reader = try WriteAheadLog.open(at: path, options: options)
        let last = reader.lastLSN.rawValue
        if last < durable { throw Violation.lost(durable - last, "it ends at \(last), durable was \(durable)") }
        try check(reader, through: last)
        try reader.close()
    }

    private func openLog() throws -> WriteAheadLog {
        guard let log else { throw RigFailure("the log is not open") }
        return log
    }

    private func payload(_ lsn: UInt64) -> Payload {
        Payload(generation: 1, lsn: lsn, place: .init(), sizes: .large)
    }

    private func check(_ log: WriteAheadLog, through last: UInt64) throws {
        var expected = log.firstLSN.rawValue
        guard expected == first else { throw Violation.wrong("it begins at \(expected), not at \(first)") }
        var iterator = try log.iterator(from: LSN(first))
        while let event = try iterator.next() {
            let isRight = event.payload.withUnsafeBytes { payload(expected).matches($0) }
            guard event.lsn.rawValue == expected, isRight else { throw Violation.wrong("LSN \(expected) is wrong") }
            expected += 1
        }
        guard expected > last else { throw Violation.lost(last + 1 - expected, "events end before \(expected)") }
    }

    private mutating func count(_ note: String) { notes[note, default: 0] += 1 }
}
