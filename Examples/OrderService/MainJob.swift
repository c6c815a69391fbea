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
        try checkCheckpoint(log)
        let watcher = Watcher(log, workload)
        try appendRest(log, from: survived)
        summary.say("followed", "by another thread: \(try watcher.finish()) events, each once and in order")
        try rebuild(log)
        try compress(log)
        try dropOldEvents(log)
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

    /// What the consumer in the killed process had saved last must be whole, and be the state at just that event.
    private func checkCheckpoint(_ log: WriteAheadLog) throws {
        let saved = try log.checkpoint(Ledger.name)
        let state = try Ledger.decode(saved.state)
        let count = Int(saved.position.lsn.rawValue)
        try check(state == expectedState(count), "the state in the checkpoint is not that of LSN \(count)")
        summary.say(
            "checkpoint",
            "\(Ledger.name) survived at LSN \(count), with \(saved.state?.count ?? 0) bytes of state, as computed without the log"
        )
    }

    /// What the state must be after so many events, from the workload itself.
    private func expectedState(_ count: Int) -> ServiceState {
        var state = ServiceState()
        var (payload, meta): ([UInt8], [UInt8]) = ([], [])
        for index in 0..<count {
            workload.make(index, payload: &payload, meta: &meta)
            state.apply(payload.span.bytes)
        }
        return state
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

    private func replayedState(_ log: WriteAheadLog) throws -> ServiceState {
        var state = ServiceState()
        try log.replay { event in
            state.apply(event.payload)
            return .continue
        }
        return state
    }

    private func rebuild(_ log: WriteAheadLog) throws {
        let expected = expectedState(workload.count)
        let (whole, seconds) = try timed { try replayedState(log) }
        try check(whole == expected, "the state rebuilt from the whole log is wrong")
        let last = log.lastLSN
        let (resumed, resumedSeconds) = try timed {
            try Ledger.run(on: log) { $0 == last ? .stop : .continue }
        }
        try check(resumed == expected, "the state rebuilt from the checkpoint is wrong")
        let position = try log.checkpoint(Ledger.name).position.lsn
        try check(position == last, "the consumer's checkpoint stands at LSN \(position), not at \(last)")
        let stages = ["placed", "paid", "packed", "shipped", "cancelled"]
        summary.say(
            "rebuilt",
            "from all \(whole.eventCount) events in \(summary.fixed(seconds, 2)) s, from the checkpoint in "
                + "\(summary.fixed(resumedSeconds, 2)) s; both as computed without the log")
        summary.say(
            "state",
            "orders " + stages.map { "\($0) \(expected.ordersByStage[$0] ?? 0)" }.joined(separator: ", ")
                + "; \(expected.centsByCustomer.count) customers paid \(expected.cents / 100); "
                + "\(expected.packages.count) packages, \(expected.otherEvents) other events")
    }

    // MARK: Compress

    private func compress(_ log: WriteAheadLog) throws {
        let (report, seconds) = try timed { try log.compress(.zstd()) }
        try check(report.compressedCount > 0, "no segment was compressed")
        let (state, replaySeconds) = try timed { try replayedState(log) }
        try check(state.eventCount == workload.count, "the compressed log holds \(state.eventCount) events")
        summary.say(
            "compressed",
            "\(report.compressedCount) segments in \(summary.fixed(seconds, 2)) s: \(summary.size(Int(report.rawBytes))) to "
                + "\(summary.size(Int(report.fileBytes))), ratio "
                + "\(summary.fixed(Double(report.rawBytes) / Double(max(1, report.fileBytes)), 2)); replayed in "
                + "\(summary.fixed(replaySeconds, 2)) s")
    }

    // MARK: Clean up

    /// Keeps half of the segments; a checkpoint that lags holds back what it needs until it is gone.
    private func dropOldEvents(_ log: WriteAheadLog) throws {
        let before = try log.segments()
        let policy = Retention(maxSegments: max(1, before.count / 2))
        // A consumer that stopped after the first quarter.
        let lagging = LSN(UInt64(workload.count / 4))
        try log.saveCheckpoint("audit", at: lagging)
        let held = try log.applyRetention(policy)
        try check(log.firstLSN <= LSN(lagging.rawValue + 1), "retention went past a checkpoint, to LSN \(log.firstLSN)")
        try log.removeCheckpoint("audit")
        let plan = try log.retentionPlan(policy)
        let done = try log.applyRetention(policy)
        try check(done.removed == plan.removed, "retention did something else than its plan said")
        let after = try log.segments()
        try check(after.count == policy.maxSegments, "\(after.count) segments are left")
        do {
            try log.replay(from: 1) { _ in .stop }
            throw CheckFailed("LSN 1 was dropped, but can be replayed")
        } catch WalError.Code.truncated {}
        var count = 0
        try log.replay { event in
            count += 1
            return .continue
        }
        try check(count == Int(log.lastLSN.rawValue - log.firstLSN.rawValue + 1), "\(count) events are left")
        summary.say(
            "retained",
            "\(after.count) of \(before.count) segments: \(held.removed.count) went at once, \(held.held.count) were held by "
                + "a lagging checkpoint and went after its removal; LSN \(log.firstLSN)…\(log.lastLSN) left")
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
