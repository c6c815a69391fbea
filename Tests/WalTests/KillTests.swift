#if os(Linux) || os(macOS)
import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform

private enum KillPlan {
    static func policy(_ name: String) -> SyncPolicy {
        switch name {
        case "batch": .batch
        case "interval": .interval(.milliseconds(1))
        case "bytes": .bytes(20_000)
        default: .never
        }
    }
}

@Suite("A process that is killed loses nothing that was flushed or durable", .serialized)
struct KillTests {
    /// The payload of an event says which it must be.
    static func payload(_ lsn: UInt64) -> [UInt8] {
        [UInt8](text: "event \(lsn) ") + [UInt8](repeating: UInt8(lsn % 251), count: Int(lsn % 300))
    }

    /// Appends under many patterns and kills itself in the middle of them; leaves in `notes` what it was promised: in most rounds
    /// at least something of each kind, however slow the machine is.
    static func appendUntilKilled(_ plan: [String]) throws {
        guard plan.count == 4, let round = UInt64(plan[3]) else { return }
        let (path, notes, policy) = (plan[0], plan[1], KillPlan.policy(plan[2]))
        let options = killOptions(policy)
        let file = open(notes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let log = try WriteAheadLog.open(at: path, options: options)
        let appended = Shared(log.lastAssignedLSN.rawValue)
        let noted = Shared<Set<String>>([])
        let note: @Sendable (String, UInt64) -> Void = { kind, lsn in
            let line = [UInt8](text: "\(kind) \(lsn)\n")
            _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            noted.update { $0.insert(kind) }
        }
        let killer = Thread {
            if round % 4 != 3 { waitUntil { noted.value.count == 2 } }
            SystemClock.sleep(nanoseconds: Int64(2_000_000 + (round * 2_654_435_761) % 25_000_000))
            kill(getpid(), SIGKILL)
        }
        killer.start()
        let others = Thread {
            // Positions may be noted out of order: only the newest counts.
            while true {
                let last = log.lastAssignedLSN.rawValue
                if last > 0, (try? log.waitDurable(LSN(last))) != nil { note("durable", last) }
            }
        }
        others.start()
        while true {
            let first = appended.value + 1
            var last = first
            switch first % 5 {
            case 0:
                var batch = EventBatch()
                for lsn in first..<first + 7 { try batch.append(payload(lsn)) }
                last = try log.append(batch).rawValue
            case 1: try log.append(payload(first), meta: [1, 2, 3])
            default: try log.append(payload(first))
            }
            appended.value = last
            if first % 11 == 0 {
                try log.flush()
                note("flushed", last)
            }
            if first % 97 == 0 {
                try log.sync()
                note("durable", last)
            }
            if first % 501 == 0 { try log.rotate() }
        }
    }

    static func killOptions(_ policy: SyncPolicy) -> WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.sync = policy
        options.segmentSize = 64 << 10
        options.queueBytes = 32 << 10
        return options
    }

    @Test(
        "Killed again and again in the middle of its writing, under every sync policy", .hangGuard,
        arguments: ["never", "batch", "interval", "bytes"])
    func killed(policy: String) async throws {
        let directory = try TemporaryDirectory()
        let (path, notes) = (directory.path + "/log", directory.path + "/notes")
        var (events, flushed, durable): (UInt64, UInt64, UInt64) = (0, 0, 0)
        for round in 0..<14 {
            let plan = [path, notes, policy, "\(round)"]
            await #expect(processExitsWith: .signal(SIGKILL)) { [plan = plan as [String]] in
                try KillTests.appendUntilKilled(plan)
            }
            let log = try await WriteAheadLog.open(at: path, options: Self.killOptions(KillPlan.policy(policy)))
            #expect(log.recovery.damage == nil, "round \(round)")
            let promised = try Self.promised(notes)
            #expect(log.lastLSN.rawValue >= promised.flushed, "round \(round)")
            #expect(log.lastLSN.rawValue >= promised.durable, "round \(round)")
            let found = try log.events()
            #expect(found.count == Int(log.lastLSN.rawValue))
            let wrong = found.enumerated().first { index, event in
                event.lsn.rawValue != UInt64(index) + 1 || event.payload != Self.payload(UInt64(index) + 1)
            }
            #expect(wrong == nil, "round \(round)")
            #expect(try await log.verify().isIntact, "round \(round)")
            events = log.lastLSN.rawValue
            flushed += promised.flushed
            durable += promised.durable
            try await log.close()
            // Only what was there counts from now on.
            try Data().write(to: URL(fileURLWithPath: notes))
        }
        #expect(events > 0 && flushed > 0 && durable > 0)
    }

    static func promised(_ notes: String) throws -> (flushed: UInt64, durable: UInt64) {
        guard let data = FileManager.default.contents(atPath: notes) else { return (0, 0) }
        var promised: (flushed: UInt64, durable: UInt64) = (0, 0)
        // A line that the kill cut short says nothing.
        let whole = data.prefix(data.lastIndex(of: 10).map { $0 + 1 } ?? 0)
        for line in String(decoding: whole, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let lsn = UInt64(words[1]) else { continue }
            if words[0] == "flushed" { promised.flushed = max(promised.flushed, lsn) }
            if words[0] == "durable" { promised.durable = max(promised.durable, lsn) }
        }
        return promised
    }
}
#endif
