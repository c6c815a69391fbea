internal import SegmentStore
internal import Synchronization

extension LogCore {
    /// Refuses what no segment of this log can hold, before anything changes.
    func checkUnit(_ size: Int, _ what: @autoclosure () -> String) throws(WalError) {
        guard size <= queue.largestUnit else {
            counters.refused.increment()
            throw WalError(
                .tooLarge,
                "\(what()) takes \(size) bytes in the log, more than the \(queue.largestUnit) that a segment can hold",
                path: path)
        }
    }

    /// Checks the lengths of an event and returns the bytes it takes.
    func checkedSize(payload: Int, meta: Int?, key: Int?, hasTime: Bool) throws(WalError) -> Int {
        try checkProcess()
        do throws(WalError) {
            try Record.checkLengths(payload: payload, meta: meta, key: key)
        } catch {
            counters.refused.increment()
            throw error
        }
        let size = Record.size(payload: payload, meta: meta, key: key, timestamp: hasTime)
        try checkUnit(size, "an event of \(payload) bytes")
        return size
    }

    func checkBatch(count: Int, bytes: Int) throws(WalError) {
        try checkProcess()
        guard count > 0 else {
            counters.refused.increment()
            throw WalError(.emptyBatch, "a batch without events can't be appended", path: path)
        }
        try checkUnit(bytes, "a batch of \(count) events")
    }

    /// Puts a unit into the queue; waits for room if the options say so.
    @inline(__always)
    func append(
        size: Int, events: Int, expecting expected: LSN?, wakesWriter: Bool = true,
        place: (StagingBlock, UInt64) -> Bool
    ) throws(WalError) -> Ticket {
        var inLine = PlaceInLine(bytes: size, events: events)
        while true {
            let admission = queue.admit(
                size: size, events: events, expecting: expected?.rawValue, claim: inLine.claim,
                wakesWriter: wakesWriter, place: place)
            if case .accepted(let lsn, let cuts) = admission {
                if inLine.hasWaited { signals.wakeProducer() }
                return Ticket(lsn: lsn, cuts: cuts)
            }
            try refuseUnlessWorthWaiting(admission, events: events, expecting: expected, &inLine)
            queue.waitForSpace(&inLine)
        }
    }

    /// The same without blocking: nil if the caller has to wait for room.
    @inline(__always)
    func tryAppend(
        size: Int, events: Int, expecting expected: LSN?, _ inLine: inout PlaceInLine,
        place: (StagingBlock, UInt64) -> Bool
    ) throws(WalError) -> Ticket? {
        let admission = queue.admit(
            size: size, events: events, expecting: expected?.rawValue, claim: inLine.claim, wakesWriter: true,
            place: place)
        if case .accepted(let lsn, let cuts) = admission {
            if inLine.hasWaited { signals.wakeProducer() }
            return Ticket(lsn: lsn, cuts: cuts)
        }
        try refuseUnlessWorthWaiting(admission, events: events, expecting: expected, &inLine)
        return nil
    }

    /// Puts a batch into the queue, suspending while there is no room.
    ///
    /// - Parameter hasWaited: whether it was refused for want of room before, and that counted.
    func append(
        _ batch: consuming EventBatch, expecting expected: LSN?, hasWaited: Bool = false
    ) async throws(WalError) -> Ticket {
        try checkBatch(count: batch.count, bytes: batch.byteCount)
        let (queue, size, events) = (self.queue, batch.byteCount, batch.count)
        var inLine = PlaceInLine(bytes: size, events: events)
        if hasWaited { inLine.noteRefusal() }
        while true {
            if let ticket = try tryAppend(
                size: size, events: events, expecting: expected, &inLine, place: { $0.append(batch, firstLSN: $1) })
            {
                return ticket
            }
            queue.prepareToWait(&inLine)
            let place = inLine
            do throws(WalError) {
                try await signals.tasks.wait(for: place.claim == 0 ? .space : .claimedSpace) {
                    queue.mayTryAgain(place)
                } started: {
                    queue.requestCommit(sync: false)
                }
            } catch {
                leave(place)
                throw error
            }
        }
    }

    /// Goes without having been let through; another one may be.
    private func leave(_ place: PlaceInLine) {
        queue.leave(place)
        signals.wakeProducer()
    }

    /// Counts and throws what can't be accepted; returns if it is only a matter of room and the log is to wait.
    @inline(never)
    private func refuseUnlessWorthWaiting(
        _ admission: Admission, events: Int, expecting expected: LSN?, _ inLine: inout PlaceInLine
    ) throws(WalError) {
        defer { inLine.noteRefusal() }
        // It ends soon, and with room: no matter of back-pressure.
        if case .shut(.paused) = admission { return }
        if case .full = admission {
            switch options.backPressure {
            case .block:
                if !inLine.hasWaited { counters.stalls.increment() }
                return
            case .fail:
                counters.refused.increment()
                throw WalError(
                    .queueFull, "the queue is full; \(queue.queuedBytes) bytes are not yet written", path: path)
            case .drop:
                counters.dropped.add(UInt64(events), ordering: .relaxed)
                hub?.postDrop(events)
                throw WalError(.dropped, "the queue is full and the log drops what doesn't fit", path: path)
            }
        }
        // This producer may have been woken for room that it doesn't use.
        if inLine.hasWaited { leave(inLine) }
        counters.refused.increment()
        throw error(admission, expecting: expected)
    }

    private func error(_ admission: Admission, expecting expected: LSN?) -> WalError {
        switch admission {
        case .accepted, .full: WalError(.queueFull, "the queue is full", path: path)
        case .overflow: WalError(.lsnOverflow, "no LSN is left below \(LSN.max)", path: path)
        case .unexpected(let newest):
            WalError(
                .unexpectedLSN, "the newest LSN is \(newest), not the expected \(expected ?? 0)", path: path,
                lsns: newest.range)
        case .shut(.draining):
            WalError(.draining, "the log is shutting down and takes no more events", path: path)
        case .shut(.failed): failureError
        case .shut(.diskFull): diskFullError
        case .shut(.readOnly): readOnlyError
        case .shut(.forked): forkedError
        case .shut(.closed), .shut(.open), .shut(.paused): closedError
        }
    }
}
