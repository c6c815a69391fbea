import Wal

/// Opens a log after a stop and looks at every byte of it.
struct Checker {
    /// What was found.
    struct Finding {
        var last: UInt64 = 0
        var events: UInt64 = 0
        var isDurable = false
    }

    /// What opening threw: not a violation where the disk was made to fail meanwhile.
    struct Refusal: Error {
        var error: WalError
    }

    let path: String
    let shape: LogShape
    let history: History

    /// - Parameters:
    ///   - survived: what the stop left.
    ///   - keepsAll: whether all that is found is then made durable.
    func check(survived: Survival, keepsAll: Bool) throws -> Finding {
        if let violation = history.violation { throw violation }
        let log = try opened()
        var finding = try look(at: log, survived)
        do throws(WalError) {
            if keepsAll {
                try log.sync()
                finding.isDurable = true
            }
            if finding.events % 2 == 0 { try log.shutdown() } else { try log.close() }
        } catch {
            throw Refusal(error: error)
        }
        return finding
    }

    /// Reads a log without changing it; throws a `WalError` if it is said to be damaged, a `Violation` if it is wrong and nothing
    /// says so.
    func checkReading(expectedLast last: UInt64) throws {
        var options = shape.options
        options.readOnly = true
        options.createIfMissing = false
        let log = try WriteAheadLog.open(at: path, options: options)
        let report = try log.verify()
        if let finding = report.findings.first(where: { $0.kind != .derivable }) { throw finding.error }
        guard log.lastLSN.rawValue == last else {
            throw Violation.lost(1, "a flipped bit moved the end from \(last) to \(log.lastLSN), and nothing says so")
        }
        try checkEvents(of: log, log.firstLSN.rawValue, last)
        try history.checkpoints.check(log)
        try log.close()
    }

    private func opened() throws -> WriteAheadLog {
        do throws(WalError) {
            return try WriteAheadLog.open(at: path, options: shape.options)
        } catch {
            throw Refusal(error: error)
        }
    }

    private func look(at log: WriteAheadLog, _ survived: Survival) throws -> Finding {
        let (first, last) = (log.firstLSN.rawValue, log.lastLSN.rawValue)
        if let damage = log.recovery.damage { throw Violation.wrong("recovery reports damage: \(damage)") }
        try history.checkEnd(last, survived: survived)
        guard (history.lowestFirst...history.highestFirst).contains(first) || last == 0 else {
            throw Violation.wrong(
                "the log begins at \(first), not within \(history.lowestFirst)...\(history.highestFirst)")
        }
        guard first <= last + 1 else { throw Violation.wrong("the log is \(first)...\(last)") }
        do {
            try checkEvents(of: log, first, last)
            try history.checkpoints.check(log)
            let report = try log.verify()
            if let finding = report.findings.first(where: { $0.kind != .derivable }) {
                throw Violation.wrong("verify finds \(finding.kind): \(finding.error)")
            }
        } catch let error as WalError {
            throw Refusal(error: error)
        }
        return Finding(last: last, events: last + 1 - first)
    }

    /// All events follow one another, and each is the one its generation submitted, to the last byte.
    private func checkEvents(of log: WriteAheadLog, _ first: UInt64, _ last: UInt64) throws {
        var expected = first
        var place = Payload.Place()
        var generations: [Position: UInt64] = [:]
        var previous: UInt64 = 0
        var iterator = try log.iterator(from: LSN(first))
        while let event = try iterator.next() {
            guard event.lsn.rawValue == expected else {
                throw Violation.wrong("LSN \(event.lsn) came where \(expected) was due")
            }
            let (generation, found) = try check(event)
            if expected > first, found.index > 0 || place.index + 1 != place.count {
                let goesOn = generation == previous && found.index == place.index + 1 && found.count == place.count
                let wasCut = found.index == 0 && history.cutPoints.contains(expected - 1)
                guard goesOn || wasCut else { throw Violation.wrong("a batch is torn before LSN \(expected)") }
            }
            // A position must tell an event from any other that ever had its LSN.
            let position = Position(lsn: 0, epoch: event.epoch, incarnation: event.incarnation)
            guard generations.updateValue(generation, forKey: position) ?? generation == generation else {
                throw Violation.wrong("LSN \(expected) of generation \(generation) has the epoch of another")
            }
            (previous, place) = (generation, found)
            expected += 1
        }
        guard expected == last + 1 else { throw Violation.lost(last + 1 - expected, "events end before \(expected)") }
        let endsWhole = place.index + 1 == place.count || history.cutPoints.contains(last) || last == history.pendingCut
        guard endsWhole || last < first else { throw Violation.wrong("the log ends within a batch, at \(last)") }
    }

    private func check(_ event: borrowing BorrowedEvent) throws -> (generation: UInt64, place: Payload.Place) {
        let lsn = event.lsn.rawValue
        guard let owner = history.owner(of: lsn) else {
            throw Violation.wrong("LSN \(lsn) came back: its owner has not submitted it")
        }
        let metaBytes = event.metaBytes
        return try event.payload.withUnsafeBytes { bytes in
            guard let header = Payload.header(of: bytes), header.lsn == lsn else {
                throw Violation.wrong("LSN \(lsn) holds something else")
            }
            guard header.generation == owner else {
                throw Violation.wrong("LSN \(lsn) is of generation \(header.generation), not of \(owner)")
            }
            let payload = Payload(generation: owner, lsn: lsn, place: header.place, sizes: shape.sizes)
            guard payload.matches(bytes), payload.meta == metaBytes else {
                throw Violation.wrong("LSN \(lsn) has wrong bytes")
            }
            return (owner, header.place)
        }
    }
}
