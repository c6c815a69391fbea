import Glibc
import Synchronization
import Wal

/// One life of a log: a process opens it, does to it what follows from a seed, and reports what it was promised.
///
/// One thread appends, cuts and drops; another one waits for durability.
final class Life: Sendable {
    private struct Now {
        var generation: UInt64
        var log: WriteAheadLog?
    }

    private let path: String
    private let shape: LogShape
    private let steps: UInt64
    private let now: Mutex<Now>
    private let reopens: Bool
    private let seed: UInt64
    /// Whether it reports events durable as soon as it has appended them.
    let lies = getenv("WAL_TORTURE_LIES") != nil

    init(_ arguments: Arguments) throws {
        path = try arguments.text("log")
        seed = try arguments.number("seed")
        let life = try arguments.number("life")
        shape = LogShape(seed: seed, life: life, access: arguments.flag("mapped") ? nil : .read)
        steps = try arguments.number("steps")
        reopens = arguments.flag("reopens")
        now = Mutex(Now(generation: try arguments.number("generation"), log: nil))
    }

    /// Closes the log; what it had not yet written goes.
    private func closes() -> Bool {
        do {
            try log().close()
            return true
        } catch {
            return (error as? WalError)?.code == .discarded
        }
    }

    /// Runs it to its end and returns the exit code.
    func run(life: UInt64, checkpoint: UInt64) -> CInt {
        var writer = LifeWriter(
            life: self, shape: shape, generator: SplitMix(seed, life, 3), checkpointNumber: checkpoint)
        startWaiter()
        var stepsLeft = steps
        while true {
            do {
                if (try? log().state) != .running { try open() }
                while stepsLeft > 0 {
                    stepsLeft -= 1
                    try writer.step()
                }
                return Child.Ending.done
            } catch let error as WalError {
                complain("\(error)")
                if error.isDamage { return Child.Ending.violated }
                report(Mark(.failed))
                if error.code == .diskFull, stepsLeft > 0, (try? writer.makeRoom(log())) != nil { continue }
                // A log that failed is opened again, in the same boot, where the page cache shows what the disk lacks.
                guard reopens, stepsLeft > 0, closes() else { return Child.Ending.stopped }
                stepsLeft -= 1
            } catch {
                complain("\(error)")
                return Child.Ending.violated
            }
        }
    }

    func log() throws(RigFailure) -> WriteAheadLog {
        guard let log = now.withLock({ $0.log }) else { throw RigFailure("the log is not open") }
        return log
    }

    var generation: UInt64 { now.withLock { $0.generation } }

    /// Opens the log, again if it was open.
    func open() throws {
        let opened = try WriteAheadLog.open(at: path, options: shape.options)
        let generation = now.withLock { now in
            now.generation += 1
            now.log = opened
            return now.generation
        }
        report(Mark(.began, generation: generation, opened.lastLSN.rawValue + 1, opened.firstLSN.rawValue))
    }

    /// The events behind an LSN are gone: what comes is another generation's.
    func beginGeneration() -> UInt64 {
        now.withLock { now in
            now.generation += 1
            return now.generation
        }
    }

    func report(_ mark: Mark) {
        let bytes = mark.bytes
        // Who started this one has died if it fails.
        if bytes.withUnsafeBytes({ write(3, $0.baseAddress, $0.count) }) != bytes.count { _exit(5) }
    }

    /// Waits for whatever is newest to be durable, again and again.
    private func startWaiter() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Life>.fromOpaque(context).takeUnretainedValue().waitForEver() }
                return nil
            }, context)
    }

    private func waitForEver() {
        while true {
            usleep(500)
            let (generation, log) = now.withLock { ($0.generation, $0.log) }
            guard let log, log.lastAssignedLSN > 0 else { continue }
            let lsn = log.lastAssignedLSN
            // What goes wrong is the other thread's to report.
            if (try? log.waitDurable(lsn)) != nil { report(Mark(.durable, generation: generation, lsn.rawValue)) }
        }
    }
}

extension WalError {
    /// Whether it says that the log is damaged, which nothing here may cause.
    var isDamage: Bool {
        let damage: [WalError.Code] = [.corrupted, .missingSegment, .foreignFile, .notALog, .unsupportedFormat]
        return damage.contains(code)
    }
}

func complain(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
