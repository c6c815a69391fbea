import Foundation
import Wal

/// The job of the parent process, step by step.
struct MainJob {
    private let arguments: Arguments
    private let workload: Workload
    private let summary = Summary()

    init(_ arguments: Arguments) throws {
        self.arguments = arguments
        workload = try Workload(arguments)
    }

    /// Small segments, so that a run of this size rolls through many.
    static func options(sync: SyncPolicy) -> WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.segmentSize = 4 << 20
        options.sync = sync
        return options
    }

    func run() throws {
        let folder = try WorkFolder(keep: arguments.keep)
        defer { folder.removeUnlessKept() }
        let start = ContinuousClock.now
        summary.say(
            "input",
            "\(workload.count) events: \(workload.lineCount) lines of "
                + (arguments.files.isEmpty ? "no file" : arguments.files.joined(separator: ", "))
                + ", \(workload.count - workload.lineCount) orders of seed \(arguments.seed)")

        let acknowledged = try writeAndKill(folder)
        let log = try WriteAheadLog.open(at: folder.log, options: Self.options(sync: .interval(.milliseconds(50))))
        let survived = try checkRecovery(log, acknowledged)
        try savePosition(log, folder)
        try appendRest(log, from: survived)
        try rebuild(log, folder)
        try dropOldEvents(log, folder)
        try verify(log)
        try shutDown(log, folder)

        let seconds = start.duration(to: .now).components
        summary.say(
            "all checks", "passed in \(seconds.seconds) s" + (folder.isKept ? "; the log is \(folder.log)" : ""))
    }

    // MARK: Write, be killed, recover

    private func writeAndKill(_ folder: WorkFolder) throws -> Acknowledgement {
        let killing = try Killing(log: folder.log, arguments: arguments, killAfter: workload.count * 2 / 5)
        summary.say(
            "killed",
            "the writing process, with SIGKILL, \(summary.fixed(killing.seconds, 2)) s after its start; durable, as it "
                + "was told: LSN 1…\(killing.acknowledged.lsn)")
        return killing.acknowledged
    }

    /// Checks what is left event by event, and returns how many there are.
    private func checkRecovery(_ log: WriteAheadLog, _ acknowledged: Acknowledgement) throws -> Int {
        let found = log.recovery
        summary.say(
            "recovery",
            "\(found.outcome.rawValue): LSN \(found.firstLSN)…\(found.lastLSN), \(found.segmentCount) segments, "
                + "\(found.segmentsScanned) scanned (\(summary.size(Int(found.bytesScanned)))), "
                + "\(found.bytesCut) bytes cut off, durable for certain up to \(found.durableLSN)")
        try check(
            log.firstLSN == 1 && log.lastLSN >= acknowledged.lsn,
            "LSN \(log.firstLSN)…\(log.lastLSN) are left, but all up to \(acknowledged.lsn) were durable")
        let survived = Int(log.lastLSN.rawValue)
        try check(workload.isUnitBoundary(survived), "the log ends within a batch, at LSN \(survived)")

        var (payload, meta): ([UInt8], [UInt8]) = ([], [])
        var next = 0
        var hash = RunningHash()
        var hashWhenAcknowledged: UInt64 = RunningHash().value
        let (_, seconds) = try timed {
            try log.replay { event in
                workload.make(next, payload: &payload, meta: &meta)
                next += 1
                let lsn = event.lsn
                try check(
                    lsn == LSN(UInt64(next)) && isEqual(event.payload, payload) && isEqual(event.meta, meta),
                    "the event with LSN \(lsn) is not the one that was written")
                hash.add(payload)
                hash.add(meta)
                if lsn == acknowledged.lsn { hashWhenAcknowledged = hash.value }
                return .continue
            }
        }
        try check(next == survived, "replay gave \(next) events of \(survived)")
        try check(hashWhenAcknowledged == acknowledged.hash, "the hash at LSN \(acknowledged.lsn) differs")
        summary.say(
            "nothing lost",
            "all \(acknowledged.lsn) acknowledged events are there, and \(survived - Int(acknowledged.lsn.rawValue)) more; "
                + "each compared byte for byte in \(summary.fixed(seconds, 2)) s")
        return survived
    }

    private func isEqual(_ span: RawSpan?, _ bytes: [UInt8]) -> Bool {
        guard let span else { return false }
        return span.withUnsafeBytes { $0.elementsEqual(bytes) }
    }

    // MARK: Go on

    private func savePosition(_ log: WriteAheadLog, _ folder: WorkFolder) throws {
        let saved = SavedPosition(
            lsn: log.lastLSN.rawValue, state: try replayedState(log, from: 0, onto: ServiceState()))
        // A position must not be newer than what the log keeps through a power cut.
        try log.waitDurable(LSN(saved.lsn))
        try saved.save(to: folder.position)
        summary.say("position", "saved at LSN \(saved.lsn), with the state up to there")
    }

    private func appendRest(_ log: WriteAheadLog, from survived: Int) throws {
        var writer = EventWriter(log: log, workload: workload, next: survived)
        let (_, seconds) = try timed {
            while writer.next < workload.count { try writer.appendUnit() }
            try log.sync()
        }
        try check(
            log.durableLSN == LSN(UInt64(workload.count)), "LSN \(log.durableLSN) is durable, not \(workload.count)")
        summary.say(
            "appended",
            summary.rate(workload.count - survived, bytes: writer.payloadBytes, seconds: seconds)
                + ", all durable; \(writer.singles) singly, the rest in \(writer.batches) batches")
    }

    // MARK: Rebuild

    private func replayedState(_ log: WriteAheadLog, from: LSN, onto start: ServiceState) throws -> ServiceState {
        var state = start
        try log.replay(from: from) { event in
            state.apply(event.payload)
            return .continue
        }
        return state
    }

    private func rebuild(_ log: WriteAheadLog, _ folder: WorkFolder) throws {
        // What the state must be, from the workload itself and without the log.
        var expected = ServiceState()
        var (payload, meta): ([UInt8], [UInt8]) = ([], [])
        for index in 0..<workload.count {
            workload.make(index, payload: &payload, meta: &meta)
            expected.apply(payload.span.bytes)
        }
        let (whole, seconds) = try timed { try replayedState(log, from: 0, onto: ServiceState()) }
        try check(whole == expected, "the state rebuilt from the whole log is wrong")
        let (resumed, resumedSeconds) = try timed {
            let saved = try SavedPosition.load(from: folder.position)
            return try replayedState(log, from: LSN(saved.lsn + 1), onto: saved.state)
        }
        try check(resumed == expected, "the state rebuilt from the saved position is wrong")
        let stages = ["placed", "paid", "packed", "shipped", "cancelled"]
        summary.say(
            "rebuilt",
            "from all \(whole.eventCount) events in \(summary.fixed(seconds, 2)) s, from the saved position in "
                + "\(summary.fixed(resumedSeconds, 2)) s; both as computed without the log")
        summary.say(
            "state",
            "orders " + stages.map { "\($0) \(expected.ordersByStage[$0] ?? 0)" }.joined(separator: ", ")
                + "; \(expected.centsByCustomer.count) customers paid \(expected.cents / 100); "
                + "\(expected.packages.count) packages, \(expected.otherEvents) other events")
    }

    // MARK: Clean up

    private func dropOldEvents(_ log: WriteAheadLog, _ folder: WorkFolder) throws {
        let keepFrom = LSN(try SavedPosition.load(from: folder.position).lsn + 1)
        let before = try log.segments().count
        let removed = try log.truncate(before: keepFrom)
        try check(log.firstLSN == keepFrom, "after truncation the oldest event is \(log.firstLSN), not \(keepFrom)")
        do {
            try log.replay(from: 1) { _ in .stop }
            throw CheckFailed("LSN 1 was truncated, but can be replayed")
        } catch WalError.Code.truncated {}
        var count = 0
        try log.replay { event in
            count += 1
            return .continue
        }
        try check(count == Int(log.lastLSN.rawValue - keepFrom.rawValue + 1), "\(count) events are left")
        summary.say(
            "truncated",
            "all before LSN \(keepFrom): \(removed.count) of \(before) segment files removed, \(count) events left")
    }

    private func verify(_ log: WriteAheadLog) throws {
        let (report, seconds) = try timed { try log.verify() }
        if let finding = report.findings.first(where: { $0.kind == .corruption }) {
            throw CheckFailed("verify found damage: \(finding.error)")
        }
        try check(report.lastLSN == log.lastLSN, "verify read up to LSN \(report.lastLSN) of \(log.lastLSN)")
        summary.say(
            "verified",
            "\(report.eventCount) events in \(report.segmentCount) segments, "
                + "\(summary.size(Int(report.byteCount))) in \(summary.fixed(seconds, 2)) s: intact")
    }

    private func shutDown(_ log: WriteAheadLog, _ folder: WorkFolder) throws {
        let segments = try log.segments()
        try log.shutdown()
        do {
            try log.append("too late")
            throw CheckFailed("a closed log took an event")
        } catch WalError.Code.closed {}

        let again = try WriteAheadLog.open(at: folder.log, options: Self.options(sync: .batch))
        try check(again.recovery.outcome == .clean, "after shutdown recovery said \(again.recovery.outcome.rawValue)")
        try check(again.lastLSN == LSN(UInt64(workload.count)), "after shutdown the newest event is \(again.lastLSN)")
        try again.shutdown()
        summary.say(
            "shut down",
            "\(segments.count) segments, \(summary.size(Int(segments.reduce(0) { $0 + $1.fileSize }))) in files; opened again: clean, LSN "
                + "\(again.recovery.firstLSN)…\(again.recovery.lastLSN)")
    }
}
