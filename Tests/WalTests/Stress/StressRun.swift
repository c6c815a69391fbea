import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// One life of a log under everything that can be done to it at once.
final class StressRun: Sendable {
    static let threads = 12

    private let log: WriteAheadLog
    private let life: UInt32
    private let seed: UInt64
    /// Whether events are cut off behind; their LSNs are then given out again.
    private let cuts: Bool
    /// Whether the disk is to fail; the life then lasts until the log has.
    private let fails: Bool
    private let deadline: Int64
    let wrong = Shared<[String]>([])
    /// What was accepted, by LSN; of a life without cuts.
    let accepted = Shared<[UInt64: StressEvent]>([:])
    /// The newest LSN that was said to be durable; of a life without cuts.
    let newestDurable = Shared<UInt64>(0)
    /// The lowest cut that failed: it may have been made or not.
    let doubtfulCut = Shared<UInt64>(.max)
    let newestCheckpoint = Shared<UInt64>(0)

    init(_ log: WriteAheadLog, life: UInt32, seed: UInt64, cuts: Bool, fails: Bool, nanoseconds: Int64) {
        self.log = log
        self.life = life
        self.seed = seed
        self.cuts = cuts
        self.fails = fails
        deadline = SystemClock.monotonicNanoseconds() + nanoseconds
    }

    private var isOver: Bool {
        if !wrong.value.isEmpty { return true }
        return fails ? log.state == .failed : SystemClock.monotonicNanoseconds() >= deadline
    }

    /// Codes that a call may end with because the log is being ended, or cut, or truncated beside it, or its disk fails.
    private func isLegal(_ code: WalError.Code) -> Bool {
        let ending: Set<WalError.Code> = [.closed, .draining, .discarded, .cancelled, .timedOut]
        let cutting: Set<WalError.Code> = [.truncated, .stalePosition, .notYetWritten]
        return ending.contains(code) || cutting.contains(code) || code == .unexpectedLSN
            || code == .heldByCheckpoint || fails && (code == .failed || code == .io)
    }

    /// Runs one thread's part until the time is over or the log ends.
    func run(_ thread: Int) {
        var random = SeededGenerator(seed: seed &+ UInt64(thread))
        if thread < 4 { return append(UInt32(thread), &random) }
        while !isOver {
            do throws(WalError) {
                switch thread {
                case 4: try wait(&random)
                case 5: try turnOver(&random)
                case 6: try truncate(&random)
                case 7: try replay()
                case 8: try iterate()
                case 9: try follow(.durable)
                case 10: try follow(.written)
                default: try keepCheckpoint(&random)
                }
            } catch {
                if error.code == .closed { return }
                if !isLegal(error.code) { note("thread \(thread): \(error)") }
            }
            SystemClock.sleep(nanoseconds: Int64(random.next() % 200_000))
        }
    }

    func note(_ what: String) { wrong.update { $0.append(what) } }

    // MARK: Writing

    private func append(_ thread: UInt32, _ random: inout SeededGenerator) {
        var mine: [(UInt64, StressEvent)] = []
        var step: UInt64 = 0
        func next() -> StressEvent {
            step += 1
            return StressEvent(life: life, thread: thread, step: step)
        }
        while !isOver {
            let event = next()
            do throws(WalError) {
                switch random.next() % 40 {
                case 0:
                    let lsn = try log.appendDurably(event.payload).rawValue
                    mine.append((lsn, event))
                    if !cuts { newestDurable.update { $0 = max($0, lsn) } }
                case 1...3:
                    let events = [event, next(), next()]
                    var batch = EventBatch()
                    for event in events { try batch.append(event.payload) }
                    let last = try log.append(batch).rawValue
                    for (index, event) in events.enumerated() { mine.append((last - 2 + UInt64(index), event)) }
                case 4:
                    mine.append((try log.append(event.payload, expecting: log.lastAssignedLSN).rawValue, event))
                default: mine.append((try log.append(event.payload).rawValue, event))
                }
            } catch {
                if [.closed, .draining].contains(error.code) { break }
                // Nothing of it was accepted, or it is no longer known at which LSN.
                if !isLegal(error.code) { note("append: \(error)") }
            }
        }
        guard !cuts else { return }
        accepted.update { all in for (lsn, event) in mine { all[lsn] = event } }
    }

    private func wait(_ random: inout SeededGenerator) throws(WalError) {
        let due = log.lastAssignedLSN
        let isFlush = random.next() % 4 == 0
        if isFlush {
            try log.flush()
        } else if random.next() % 3 == 0 {
            try log.sync()
        } else {
            try log.waitDurable(due)
        }
        guard !cuts else { return }
        let durable = log.durableLSN
        let last = log.lastLSN
        let assigned = log.lastAssignedLSN
        newestDurable.update { $0 = max($0, durable.rawValue) }
        if durable > last || last > assigned { note("durable \(durable), written \(last), assigned \(assigned)") }
        if (isFlush ? last : durable) < due { note("\(due) was waited for; durable \(durable), written \(last)") }
    }

    private func turnOver(_ random: inout SeededGenerator) throws(WalError) {
        switch random.next() % 5 {
        case 0: try log.rotate()
        case 1: _ = try log.compress()
        case 2:
            let report = try log.verify()
            if !report.isIntact { note("verify: \(report)") }
        case 3: _ = try log.segments()
        default: _ = log.stats()
        }
    }

    private func truncate(_ random: inout SeededGenerator) throws(WalError) {
        let (first, last) = (log.firstLSN.rawValue, log.lastLSN.rawValue)
        if cuts, random.next() % 2 == 0 {
            try cut(last - min(last, random.next() % 60))
        } else if last > first + 500 {
            try log.truncate(before: LSN(last - 400))
        }
    }

    private func cut(_ lsn: UInt64) throws(WalError) {
        do throws(WalError) {
            try log.truncate(after: LSN(lsn), overridingCheckpoints: true)
        } catch {
            if error.code == .failed || error.code == .io { doubtfulCut.update { $0 = min($0, lsn) } }
            throw error
        }
    }

    // MARK: Reading

    private func judge(_ watch: StressWatch, _ who: String) {
        if let wrong = watch.wrong { note("\(who): \(wrong)") }
    }

    private func replay() throws(WalError) {
        var watch = StressWatch()
        defer { judge(watch, "replay") }
        do {
            try log.replay { event in watch.take(event.lsn, event.payload) ? .continue : .stop }
        } catch let error as WalError {
            throw error
        } catch {
            note("replay: \(error)")
        }
    }

    private func iterate() throws(WalError) {
        var watch = StressWatch()
        defer { judge(watch, "iterator") }
        var events = try log.iterator(from: LSN((log.firstLSN.rawValue + log.lastLSN.rawValue) / 2))
        while !isOver, let event = try events.next() { guard watch.take(event.lsn, event.payload) else { return } }
    }

    private func follow(_ delivery: Delivery) throws(WalError) {
        var watch = StressWatch()
        defer { judge(watch, "follower") }
        var follower = try log.follow(from: log.firstLSN, delivering: delivery)
        while !isOver, let event = try follower.next(timeout: .milliseconds(20)) {
            guard watch.take(event.lsn, event.payload) else { return }
            if delivery == .durable, !cuts, event.lsn > log.durableLSN { note("\(event.lsn) was followed too early") }
        }
    }

    private func keepCheckpoint(_ random: inout SeededGenerator) throws(WalError) {
        let lsn = log.lastLSN
        guard lsn.rawValue > 0 else { return }
        try log.saveCheckpoint("stress", at: lsn, state: withUnsafeBytes(of: lsn.rawValue) { Array($0) })
        if !cuts { newestCheckpoint.value = lsn.rawValue }
        let found = try log.checkpoint("stress")
        let state = found.state.map { $0.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } }
        if state != found.position.lsn.rawValue { note("the checkpoint at \(found.position) has state \(state ?? 0)") }
        if random.next() % 8 == 0 { _ = try log.checkpoints() }
    }
}
