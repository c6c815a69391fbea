import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// Everything at once, for many lives of one log, with what must always hold checked throughout.
///
/// `WAL_STRESS_SECONDS` makes it longer, `WAL_SEED` repeats its choices (but not how threads are scheduled).
@Suite("Concurrency: a long stress of everything at once")
struct StressConcurrencyTests {
    private enum End: CaseIterable {
        case shutdown, close, failure
    }

    private static let seconds =
        ProcessInfo.processInfo.environment["WAL_STRESS_SECONDS"].flatMap { Double($0) } ?? 2.5

    private static func options(_ storage: LogStorage, _ random: inout SeededGenerator) -> WriteAheadLog.Options {
        let size = [16 << 10, 32 << 10, 256 << 10].randomElement(using: &random) ?? 16 << 10
        var options = testOptions(storage, segmentSize: size)
        options.sync =
            [.batch, .never, .interval(.milliseconds(1)), .bytes(20_000)].randomElement(using: &random) ?? .batch
        options.readAccess = Bool.random(using: &random) ? .mapped : .read
        options.compression = Bool.random(using: &random) ? .none : .zstd()
        options.queueBytes = [3000, 100_000, 4 << 20].randomElement(using: &random) ?? 3000
        options.indexSpacing = 4 << 10
        return options
    }

    @Test("The watch sees a gap, wrong bytes, and what is out of order")
    func watches() {
        func wrong(_ lsns: [UInt64], _ payloads: [[UInt8]]) -> Bool {
            var watch = StressWatch()
            let isRight = zip(lsns, payloads).allSatisfy { watch.take(LSN($0), $1.span.bytes) }
            return !isRight && watch.wrong != nil
        }
        let events = (1...3).map { StressEvent(life: 1, thread: 2, step: $0).payload }
        var flipped = events[1]
        flipped[flipped.count - 1] ^= 4
        let old = StressEvent(life: 0, thread: 2, step: 9).payload
        #expect(!wrong([5, 6, 7], [events[0], events[1], events[2]]))
        #expect(wrong([5, 7], [events[0], events[1]]))
        #expect(wrong([5, 6], [events[0], flipped]))
        #expect(wrong([5, 6], [events[0], Array(events[1].dropLast())]))
        #expect(wrong([5, 6], [events[1], events[0]]))
        #expect(wrong([5, 6], [events[0], events[0]]))
        #expect(wrong([5, 6], [events[0], old]))
    }

    @Test("On a simulated disk, which fails at times", .timeLimit(.minutes(20)), arguments: [false, true])
    func simulated(cuts: Bool) throws {
        let disk = SimulatedDisk()
        try lives(at: "/stress", cuts: cuts, open: { gate in gate.guarding(disk.backend) })
        #expect(disk.openHandles == 0)
    }

    @Test("On real files", .timeLimit(.minutes(20)), arguments: [false, true])
    func real(cuts: Bool) throws {
        let directory = try TemporaryDirectory()
        try lives(at: directory.path + "/log", cuts: cuts, open: { gate in gate.guarding(PosixStorage()) })
    }

    private func lives(at path: String, cuts: Bool, open: (DiskGate) -> LogStorage) throws {
        let seed = testSeed()
        var random = SeededGenerator(seed: seed)
        let end = SystemClock.monotonicNanoseconds() + Int64(Self.seconds * 1e9)
        var life: UInt32 = 0
        repeat {
            life += 1
            let gate = DiskGate()
            let options = Self.options(open(gate), &random)
            let log = try WriteAheadLog.open(at: path, options: options)
            let first = log.lastAssignedLSN.rawValue + 1
            let nanoseconds = Int64.random(in: 50_000_000...400_000_000, using: &random)
            let how = End.allCases.randomElement(using: &random) ?? .close
            let run = StressRun(
                log, life: life, seed: random.next(), cuts: cuts, fails: how == .failure, nanoseconds: nanoseconds)
            let early = Bool.random(using: &random)
            let failing: StorageError.Operation = life % 2 == 0 ? .sync : .write
            let moment = Int64.random(in: 0..<nanoseconds, using: &random)
            try onThreads(StressRun.threads + 1) { thread in
                if thread < StressRun.threads { return run.run(thread) }
                guard early || how == .failure else { return }
                SystemClock.sleep(nanoseconds: moment)
                if how == .failure {
                    // All are at work, and go on until the log has failed.
                    gate.fail(failing, ErrorNumber.io)
                } else {
                    Self.end(log, how, run)
                }
            }
            if how == .failure {
                #expect(code { try log.append([1]) } == .failed)
                _ = code { try log.close() }
            } else if !early {
                Self.end(log, how, run)
            }
            let note = "life \(life), seed \(seed)"
            #expect(run.wrong.value.isEmpty, "\(note): \(run.wrong.value.prefix(3))")
            #expect(log.state == .closed)
            try check(
                log, options: Self.plain(options, open), run, first: first, isWhole: how == .shutdown, cuts: cuts,
                note: note)
        } while SystemClock.monotonicNanoseconds() < end
    }

    /// The same options on a disk that works.
    private static func plain(
        _ options: WriteAheadLog.Options, _ open: (DiskGate) -> LogStorage
    ) -> WriteAheadLog.Options {
        var options = options
        options.storage = open(DiskGate())
        return options
    }

    private static func end(_ log: WriteAheadLog, _ how: End, _ run: StressRun) {
        do throws(WalError) {
            if how == .shutdown { try log.shutdown() } else { try log.close() }
        } catch {
            if error.code != .discarded { run.note("\(how): \(error)") }
        }
    }

    /// Opens a log that has ended once more: what was acknowledged is there, whole and in order.
    ///
    /// - Parameter isWhole: whether all that was accepted must be there.
    private func check(
        _ ended: WriteAheadLog, options: WriteAheadLog.Options, _ run: StressRun, first: UInt64, isWhole: Bool,
        cuts: Bool, note: String
    ) throws {
        let log = try WriteAheadLog.open(at: ended.path, options: options)
        // With cuts this is what was durable behind the last of them, or would be if the one that failed was made.
        let durable = min(max(run.newestDurable.value, ended.durableLSN.rawValue), run.doubtfulCut.value)
        #expect(log.lastLSN.rawValue >= durable, "\(note): an event that was durable is gone")
        let accepted = run.accepted.value
        if isWhole {
            #expect(log.lastLSN == ended.lastAssignedLSN, "\(note): the shutdown left something out")
            #expect(log.lastLSN.rawValue >= accepted.keys.max() ?? 0, "\(note): the shutdown left something out")
        }
        var watch = StressWatch()
        var different: UInt64?
        try log.replay { event in
            guard watch.take(event.lsn, event.payload) else { return .stop }
            let lsn = event.lsn.rawValue
            if !cuts, lsn >= first, let expected = accepted[lsn], expected != StressEvent(event.payload) {
                different = lsn
                return .stop
            }
            return .continue
        }
        #expect(watch.wrong == nil, "\(note)")
        #expect(different == nil, "\(note): another event was acknowledged at this LSN")
        #expect(watch.last ?? log.lastLSN.rawValue == log.lastLSN.rawValue, "\(note)")
        if run.newestCheckpoint.value > 0 {
            #expect(try log.checkpoint("stress").position.lsn.rawValue >= run.newestCheckpoint.value, "\(note)")
        }
        #expect(try log.verify().isIntact, "\(note)")
        try log.shutdown()
    }
}
