import Glibc
import Wal

/// What a life does to its log, step by step.
struct LifeWriter {
    let life: Life
    let shape: LogShape
    var generator: SplitMix
    var checkpointNumber: UInt64

    mutating func step() throws {
        let log = try life.log()
        switch generator.next() % 100 {
        case ..<58: try append(log)
        case ..<66: try sync(log)
        case ..<72: try flush(log)
        case ..<75: _ = try log.rotate()
        case ..<79: try drop(log)
        case ..<82: try cut(log)
        case ..<88: try changeCheckpoint(log)
        case ..<90: _ = try log.compress()
        case ..<92: try retain(log)
        case ..<95: try readBack(log)
        case ..<97: usleep(UInt32(generator.pick(0...3000)))
        case ..<98:
            // Now and then idle for long enough that the log records how far it is durable.
            if generator.chance(15) { usleep(200_000) }
        default: try reopen(log)
        }
    }

    private mutating func append(_ log: WriteAheadLog) throws {
        defer {
            // A planted lie, to see that the rig finds it.
            if life.lies { life.report(Mark(.durable, generation: life.generation, log.lastAssignedLSN.rawValue)) }
        }
        switch generator.next() % 4 {
        case 0: try appendBatch(log)
        case 1: try appendDurably(log)
        default:
            for _ in 0..<generator.pick(1...12) {
                try room(log) { payload in _ = try log.append(payload.bytes, meta: payload.meta) }
            }
        }
    }

    private mutating func appendBatch(_ log: WriteAheadLog) throws {
        let count = UInt32(generator.pick(1...7))
        let first = log.lastAssignedLSN.rawValue + 1
        let generation = life.generation
        let payloads = (0..<count).map { index in
            Payload(
                generation: generation, lsn: first + UInt64(index), place: .init(index: index, count: count),
                sizes: shape.sizes)
        }
        // One that lies over a small segment's size would be refused.
        guard payloads.reduce(0, { $0 + $1.bytes.count }) < 10_000 else { return }
        life.report(Mark(.submitting, first + UInt64(count) - 1))
        var batch = EventBatch()
        for payload in payloads { try batch.append(payload.bytes, meta: payload.meta) }
        try log.append(batch)
    }

    private func appendDurably(_ log: WriteAheadLog) throws {
        let generation = life.generation
        try room(log) { payload in
            let lsn = try log.appendDurably(payload.bytes, meta: payload.meta)
            life.report(Mark(.durable, generation: generation, lsn.rawValue))
        }
    }

    private func room(_ log: WriteAheadLog, _ append: (Payload) throws -> Void) throws {
        let lsn = log.lastAssignedLSN.rawValue + 1
        life.report(Mark(.submitting, lsn))
        try append(Payload(generation: life.generation, lsn: lsn, place: .init(), sizes: shape.sizes))
    }

    private mutating func sync(_ log: WriteAheadLog) throws {
        let (generation, newest) = (life.generation, log.lastAssignedLSN)
        switch generator.next() % 3 {
        case 0: try log.sync()
        case 1: if newest > 0 { try log.waitDurable(newest) }
        default: return life.report(Mark(.durable, generation: generation, log.durableLSN.rawValue))
        }
        life.report(Mark(.durable, generation: generation, newest.rawValue))
    }

    private func flush(_ log: WriteAheadLog) throws {
        let (generation, newest) = (life.generation, log.lastAssignedLSN)
        try log.flush()
        life.report(Mark(.written, generation: generation, newest.rawValue))
    }

    /// Drops old events; keeps the log small enough to be read whole after every stop.
    private mutating func drop(_ log: WriteAheadLog) throws {
        let last = log.lastAssignedLSN.rawValue
        let first = log.firstLSN.rawValue
        let lowest = last > 1500 ? max(first, last - 1000) : first
        guard lowest <= last + 1 else { return }
        let lsn =
            generator.chance(10) ? last + 1 : generator.pick(lowest...max(lowest, lowest + (last + 1 - lowest) / 2))
        life.report(Mark(.dropping, lsn))
        try log.truncate(before: LSN(lsn))
        life.report(Mark(.dropped, lsn))
    }

    /// Drops all but the newest events, so that a full disk has room again.
    func makeRoom(_ log: WriteAheadLog) throws {
        let lsn = log.lastLSN.rawValue
        guard lsn > 0 else { return }
        life.report(Mark(.dropping, lsn))
        try log.truncate(before: max(log.firstLSN, LSN(lsn)))
        life.report(Mark(.dropped, log.firstLSN.rawValue))
    }

    private mutating func cut(_ log: WriteAheadLog) throws {
        let lowest = log.firstLSN.rawValue - 1
        let last = log.lastAssignedLSN.rawValue
        guard lowest < last else { return }
        let near = last - min(10, last - lowest)
        let lsn = generator.chance(8) ? lowest : generator.pick((generator.chance(60) ? near : lowest)...last - 1)
        life.report(Mark(.cutting, lsn))
        try log.truncate(after: LSN(lsn), overridingCheckpoints: true)
        life.report(Mark(.cut, generation: life.beginGeneration(), lsn))
    }

    private mutating func changeCheckpoint(_ log: WriteAheadLog) throws {
        let name = Int(generator.next() % UInt64(CheckpointChange.names.count))
        let (oldest, newest) = (log.firstLSN.rawValue - 1, log.lastAssignedLSN.rawValue)
        guard oldest <= newest else { return }
        checkpointNumber += 1
        let lsn = generator.chance(10) ? nil : generator.pick(oldest...newest)
        let change = CheckpointChange(name: name, number: checkpointNumber, lsn: lsn)
        life.report(change.mark(.changing))
        let text = CheckpointChange.names[name]
        if let lsn {
            try log.saveCheckpoint(text, at: LSN(lsn), state: change.state)
        } else {
            do throws(WalError) {
                try log.removeCheckpoint(text)
            } catch WalError.Code.unknownCheckpoint {
                // It is gone already, which is what was to be.
            }
        }
        life.report(change.mark(.changed))
    }

    private mutating func retain(_ log: WriteAheadLog) throws {
        life.report(Mark(.dropping, log.lastAssignedLSN.rawValue + 1))
        let policy = Retention(maxSegments: Int(generator.pick(2...6)), overridesCheckpoints: true)
        _ = try log.applyRetention(policy)
        life.report(Mark(.dropped, log.firstLSN.rawValue))
    }

    /// Reads some of it while it is written to.
    private mutating func readBack(_ log: WriteAheadLog) throws {
        var expected = log.firstLSN.rawValue
        let sizes = shape.sizes
        try log.replay { event in
            let lsn = event.lsn.rawValue
            let isRight = event.payload.withUnsafeBytes { bytes in
                guard let header = Payload.header(of: bytes), header.lsn == lsn else { return false }
                return Payload(generation: header.generation, lsn: lsn, place: header.place, sizes: sizes).matches(
                    bytes)
            }
            guard isRight, lsn == expected else { throw Violation.wrong("LSN \(lsn) came wrong, or for \(expected)") }
            expected += 1
            return .continue
        }
    }

    private mutating func reopen(_ log: WriteAheadLog) throws {
        let (generation, newest) = (life.generation, log.lastAssignedLSN)
        if generator.chance(50) {
            try log.shutdown()
            life.report(Mark(.durable, generation: generation, newest.rawValue))
        } else {
            do throws(WalError) { try log.close() } catch {
                // What was not yet written is meant to go.
                if error.code != .discarded { throw error }
            }
            life.report(Mark(.written, generation: generation, log.lastLSN.rawValue))
        }
        try life.open()
    }
}
